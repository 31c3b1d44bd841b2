"""Adds a run up to its receipt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon_core.queue import Backlog
from beacon_core.receipt import ExporterReceipt, Receipt
from beacon_core.telemetry import Counters


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
