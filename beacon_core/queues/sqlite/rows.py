"""What is stored together: small batches of one transaction share a row, which costs as much as one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from beacon_core.event import Batch
from beacon_core.queue import Entry

#: Events in a row of several batches: what it saves grows no more, and an exporter may want few at a time.
MOST = 64


class Row(NamedTuple):
    """A batch as it is stored; its events may come from several requests, and their ids say which."""

    batch: Batch
    exporters: tuple[str, ...]


def rows_of(entries: Sequence[Entry]) -> list[Row]:
    """Return the rows for entries, in their order; what was filtered empty, or is for nobody, is not stored."""
    rows: list[Row] = []
    for entry in entries:
        if not entry.exporters or not len(entry.batch):
            continue
        last = rows[-1] if rows else None
        if last and last.exporters == entry.exporters and len(last.batch) + len(entry.batch) <= MOST:
            rows[-1] = Row(last.batch.with_events(last.batch.events + entry.batch.events), entry.exporters)
        else:
            rows.append(Row(entry.batch, entry.exporters))
    return rows
