"""The receipt: what became of every event, for each exporter, so that it can be checked that nothing was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec


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

    @property
    def queued(self) -> int:
        """Events that are still waiting, summed over exporters."""
        return sum(line.queued for line in self.exporters.values())


def add_up(receipts: Sequence[Receipt]) -> Receipt:
    """Return the receipt of several runs, each with a queue of its own."""
    exporters: dict[str, ExporterReceipt] = {}
    for receipt in receipts:
        for name, line in receipt.exporters.items():
            exporters[name] = _added(exporters[name], line) if name in exporters else line
    return Receipt(
        balanced=all(receipt.balanced for receipt in receipts),
        received=sum(receipt.received for receipt in receipts),
        deduplicated=sum(receipt.deduplicated for receipt in receipts),
        refused=_sums(receipt.refused for receipt in receipts),
        exporters=exporters,
    )


def _added(one: ExporterReceipt, other: ExporterReceipt) -> ExporterReceipt:
    dropped = _sums((one.dropped, other.dropped))
    counts = {name: getattr(one, name) + getattr(other, name) for name in one.__struct_fields__ if name != "dropped"}
    return ExporterReceipt(**counts, dropped=dropped)


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return found


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
