"""The way in: what a receiver hands over passes the processors and is stored for the exporters in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from beacon_core.event import Batch, Event
from beacon_core.processor import Processor
from beacon_core.queue import Entry, Queue
from beacon_core.telemetry import Counters


@dataclass(slots=True)
class Processed:
    """What the processors made of a batch.

    Attributes:
        batch: what is left of it, sanitized.
        filtered: how many events a processor left out on purpose.
        dropped: how many events a processor could not process, by reason.
    """

    batch: Batch
    filtered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Pipeline:
    """Processors in order, and the exporters that get what comes out of them. Any thread.

    Args:
        name: as in the YAML file.
        processors: by id, in order; started before the first call.
        exporters: ids.
    """

    def __init__(self, name: str, processors: Sequence[tuple[str, Processor]], exporters: Sequence[str]) -> None:
        self.name = name
        self.exporters = tuple(exporters)
        self._processors = tuple(processors)

    def process(self, batch: Batch) -> Processed:
        """Pass a batch through the processors; never raises for what an event contains (promise P2)."""
        result = Processed(batch)
        for component, processor in self._processors:
            before, dropped = len(result.batch), result.dropped.total()
            result.batch = self._apply(component, processor, result)
            result.filtered += before - len(result.batch) - (result.dropped.total() - dropped)
        return result

    def process_all(self, batches: Sequence[Batch]) -> list[Processed]:
        """Pass several batches through the processors as one: what a pass costs in itself is paid once."""
        if len(batches) == 1:
            return [self.process(batches[0])]
        together = before = batches[0].with_events([event for batch in batches for event in batch.events])
        for _, processor in self._processors:
            processed = _call(processor, together)
            if not isinstance(processed, Batch):  # an event of one batch is no reason to lose those of another
                return [self.process(batch) for batch in batches]
            together = processed
        parts = _cut(together, batches) if _are_the_same(together, before) else _apart(together, batches)
        if parts is None:
            return [self.process(batch) for batch in batches]
        return [Processed(part, len(batch) - len(part)) for part, batch in zip(parts, batches, strict=True)]

    def _apply(self, component: str, processor: Processor, result: Processed) -> Batch:
        """Process a batch at once, and where that fails event by event, so that only the bad one is lost."""
        processed = _call(processor, result.batch)
        if isinstance(processed, Batch):
            return processed
        processor.host.logger.error("failed with %s; events it fails for are dropped", type(processed).__name__)
        kept: list[Event] = []
        for event in result.batch:
            processed = _call(processor, result.batch.with_events([event]))
            if isinstance(processed, Batch):
                kept += processed.events
            else:
                result.dropped[f"{component}_failed"] += 1
        return result.batch.with_events(kept)


def _call(processor: Processor, batch: Batch) -> Batch | Exception:
    try:
        return processor.process(batch)
    except Exception as error:  # noqa: BLE001 - fail closed: a processor that raises must not let anything through
        return error


def _are_the_same(after: Batch, before: Batch) -> bool:
    """Say if all events are still there, and nothing else; a copy of an event has its id, not an equal one."""
    return [event.id for event in after.events] == [event.id for event in before.events]


def _cut(together: Batch, batches: Sequence[Batch]) -> list[Batch]:
    """Return batches of so many events each as they had."""
    events = iter(together.events)
    return [batch.with_events(tuple(islice(events, len(batch)))) for batch in batches]


def _apart(together: Batch, batches: Sequence[Batch]) -> list[Batch] | None:
    """Return the batches with what is left of their events, whose ids begin with the batch's; None if some do not."""
    left: dict[str, list[Event]] = {batch.id: [] for batch in batches}
    for event in together.events:
        found = left.get(event.id.rpartition("-")[0])
        if found is None:
            return None
        found.append(event)
    return [batch.with_events(left[batch.id]) for batch in batches]


class Intake:
    """The consumer of one receiver: all pipelines it belongs to, stored in one transaction (promise P4). Any thread."""

    def __init__(self, receiver: str, pipelines: Sequence[Pipeline], queue: Queue, counters: Counters) -> None:
        self._receiver = receiver
        self.pipelines = tuple(pipelines)  #: replaced as a whole when the configuration is read again
        self._queue = queue
        self._counters = counters

    def consume(self, batch: Batch) -> None:
        """Process and store a batch; see `Consumer.consume`."""
        self.consume_all([batch])

    def consume_all(self, batches: Sequence[Batch]) -> None:
        """Process and store batches in one transaction; see `Consumer.consume_all`."""
        handed_over = sum(map(len, batches))
        batches = list({batch.id: batch for batch in batches if len(batch)}.values())
        if not batches:
            return
        pipelines = self.pipelines
        results = [(pipeline, pipeline.process_all(batches)) for pipeline in pipelines]
        stored = iter(
            self._queue.put(
                [
                    Entry(f"{pipeline.name}/{batch.id}", result.batch, pipeline.exporters)
                    for pipeline, processed in results
                    for batch, result in zip(batches, processed, strict=True)
                ]
            )
        )
        fresh: set[str] = set()
        for pipeline, processed in results:
            for batch, result, new in zip(batches, processed, stored, strict=False):
                if new:
                    fresh.add(batch.id)
                    self._count(pipeline, result, len(batch))
        received = sum(len(batch) for batch in batches if batch.id in fresh)
        self._counters.add("received", self._receiver, received)
        self._counters.add("deduplicated", self._receiver, handed_over - received)

    def _count(self, pipeline: Pipeline, result: Processed, received: int) -> None:
        add = self._counters.add
        for exporter in pipeline.exporters:
            add("accepted", exporter, received)
            add("filtered", exporter, result.filtered)
            for reason, number in result.dropped.items():
                add("dropped", exporter, number, reason=reason)
