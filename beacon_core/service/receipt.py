"""The receipt: what became of every event, for each exporter, so that it can be checked that nothing was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from beacon_core.queue import Backlog
from beacon_core.telemetry import Counters


class ExporterReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one exporter's events during a run (promise P3).

    Attributes:
        carried_over: queued when the run began.
        accepted: taken from receivers.
        delivered: the destination has them.
        filtered: left out by a processor on purpose.
        dropped: lost on purpose, by reason.
        dead_lettered: put aside for good; they can still be read in the queue.
        queued: still waiting when the run ended.
        possibly_duplicated: sent again although the destination may have taken them the first time.
    """

    carried_over: int
    accepted: int
    delivered: int
    filtered: int
    dropped: dict[str, int]
    dead_lettered: int
    queued: int
    possibly_duplicated: int

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for."""
        gone = self.delivered + self.filtered + sum(self.dropped.values()) + self.dead_lettered
        return self.carried_over + self.accepted == gone + self.queued


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. `refused` counts input that could not be read, by receiver."""

    balanced: bool
    received: int
    deduplicated: int
    refused: dict[str, int]
    exporters: dict[str, ExporterReceipt]


def make_receipt(
    counters: Counters,
    *,
    receivers: Iterable[str],
    exporters: Iterable[str],
    before: Mapping[str, Backlog],
    after: Mapping[str, Backlog],
) -> Receipt:
    """Add a run up.

    Args:
        counters: the run's.
        receivers: ids.
        exporters: ids.
        before: what was queued when the run began, by exporter.
        after: what is queued now, by exporter.
    """
    names = list(receivers)
    lines = {
        exporter: ExporterReceipt(
            carried_over=before.get(exporter, Backlog()).events,
            accepted=counters.get("accepted", exporter),
            delivered=counters.get("delivered", exporter),
            filtered=counters.get("filtered", exporter),
            dropped=counters.reasons("dropped", exporter),
            dead_lettered=counters.get("dead_lettered", exporter),
            queued=after.get(exporter, Backlog()).events,
            possibly_duplicated=counters.get("possibly_duplicated", exporter),
        )
        for exporter in exporters
    }
    return Receipt(
        balanced=all(line.balanced for line in lines.values()),
        received=sum(counters.get("received", name) for name in names),
        deduplicated=sum(counters.get("deduplicated", name) for name in names),
        refused={name: count for name in names if (count := counters.get("refused", name))},
        exporters=lines,
    )


def add_receipts(receipts: Sequence[Receipt]) -> Receipt:
    """Add up what several processes did for one run."""
    names = dict.fromkeys(name for receipt in receipts for name in receipt.exporters)
    lines = {name: _add_lines([r.exporters[name] for r in receipts if name in r.exporters]) for name in names}
    refused = sum((Counter(receipt.refused) for receipt in receipts), Counter[str]())
    return Receipt(
        balanced=all(receipt.balanced for receipt in receipts) and all(line.balanced for line in lines.values()),
        received=sum(receipt.received for receipt in receipts),
        deduplicated=sum(receipt.deduplicated for receipt in receipts),
        refused=dict(refused),
        exporters=lines,
    )


def _add_lines(lines: Sequence[ExporterReceipt]) -> ExporterReceipt:
    dropped = sum((Counter(line.dropped) for line in lines), Counter[str]())
    numbers = [name for name in ExporterReceipt.__struct_fields__ if name != "dropped"]
    return ExporterReceipt(
        dropped=dict(dropped), **{name: sum(getattr(line, name) for line in lines) for name in numbers}
    )


_COLUMNS = ("carried over", "accepted", "delivered", "filtered", "dropped", "dead-lettered", "queued")


def receipt_text(receipt: Receipt) -> str:
    """Return a receipt as a table for people."""
    rows: list[tuple[str, ...]] = [("exporter", *_COLUMNS)]
    for name, line in receipt.exporters.items():
        dropped = sum(line.dropped.values())
        figures = (
            line.carried_over,
            line.accepted,
            line.delivered,
            line.filtered,
            dropped,
            line.dead_lettered,
            line.queued,
        )
        rows.append((name, *map(str, figures)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([*table, _summary(receipt), *_remarks(receipt)])


def _summary(receipt: Receipt) -> str:
    balance = "balanced" if receipt.balanced else "NOT BALANCED: this is a bug in Beacon, please report it"
    repeated = f", {receipt.deduplicated} repeated and stored once" if receipt.deduplicated else ""
    return f"received {receipt.received}{repeated}; {balance}"


def _remarks(receipt: Receipt) -> list[str]:
    remarks = [f"{name}: {count} refused, the log says why" for name, count in receipt.refused.items()]
    for name, line in receipt.exporters.items():
        remarks += [f"{name}: {count} dropped ({reason})" for reason, count in line.dropped.items()]
        if line.dead_lettered:
            remarks.append(f"{name}: {line.dead_lettered} in the dead letters")
        if line.possibly_duplicated:
            remarks.append(f"{name}: {line.possibly_duplicated} possibly delivered twice")
        if line.queued:
            remarks.append(f"{name}: {line.queued} still queued; the next run with this queue delivers them")
    return remarks
