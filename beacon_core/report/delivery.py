"""What became of the events, exporter by exporter, as `receipt.json` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

#: A `receipt.json`, decoded.
Receipt = Mapping[str, Any]


class ExporterDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one exporter's events; `beacon_core.service.receipt` says what the members mean."""

    carried_over: int = 0
    accepted: int = 0
    delivered: int = 0
    filtered: int = 0
    dropped: dict[str, int] = {}
    dead_lettered: int = 0
    queued: int = 0
    possibly_duplicated: int = 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of a run."""

    balanced: bool
    received: int
    deduplicated: int = 0
    refused: dict[str, int] = {}
    exporters: dict[str, ExporterDelivery]


def delivery(receipt: Receipt | None) -> Delivery | None:
    """Return what a receipt tells, None if there is none.

    Raises:
        ValueError: it is not a receipt.
    """
    if receipt is None:
        return None
    try:
        return msgspec.convert(receipt, Delivery)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a receipt of beacon run: {error}") from None
