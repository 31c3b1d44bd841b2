"""What a session comes to: the report on its log, for the step summary of the CI and as a file ([C16])."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beacon_core.report import Report


def read_receipt(path: Path) -> dict[str, Any] | None:
    """Return the receipt that the sidecar has left; None if it has left none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "exporters" in found else None


def receipt_table(receipt: Mapping[str, Any]) -> str:
    """Return a receipt as a table for people."""
    import msgspec  # noqa: PLC0415 - slow to import: only where there is a receipt to show

    from beacon_core.receipt import Receipt, receipt_text  # noqa: PLC0415

    return receipt_text(msgspec.convert(receipt, Receipt))


def write_step_summary(path: Path, log: Path, offset: int, receipt: Mapping[str, Any] | None) -> None:
    """Add the session to the summary that GitHub shows for a step.

    Raises:
        OSError: the summary cannot be written.
    """
    from beacon_core.report import as_markdown  # noqa: PLC0415 - slow to import

    text = as_markdown(_report(log, offset), dict(receipt) if receipt is not None else None)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n\n")


def write_report(path: Path, log: Path, offset: int, receipt: Mapping[str, Any] | None) -> None:
    """Write the session as one HTML file.

    Raises:
        OSError: it cannot be written.
    """
    from beacon_core.files import write_private  # noqa: PLC0415
    from beacon_core.report import as_html  # noqa: PLC0415 - slow to import

    write_private(path, as_html(_report(log, offset), dict(receipt) if receipt is not None else None).encode())


def _report(log: Path, offset: int) -> Report:
    from beacon_core.report import report_on  # noqa: PLC0415 - slow to import

    return report_on(lines_of(log, offset))


def lines_of(log: Path, offset: int) -> Iterator[bytes]:
    """Yield the lines that a log has behind an offset; all of them if it is shorter: then it has been replaced."""
    if not log.is_file():
        return
    from beacon_core.report import split_lines  # noqa: PLC0415 - slow to import

    with log.open("rb") as file:
        if offset <= log.stat().st_size:
            file.seek(offset)
        yield from split_lines(file)
