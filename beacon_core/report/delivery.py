"""What became of the events, exporter by exporter, as `receipt.json` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from beacon_core.receipt import Receipt

#: A `receipt.json`, decoded.
ReceiptJson: TypeAlias = Mapping[str, Any]


def delivery(receipt: ReceiptJson | None) -> Receipt | None:
    """Return what a receipt tells, None if there is none.

    Raises:
        ValueError: it is not a receipt.
    """
    if receipt is None:
        return None
    try:
        return msgspec.convert(receipt, Receipt)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a receipt of beacon run: {error}") from None
