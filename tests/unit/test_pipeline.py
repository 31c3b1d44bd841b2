"""The way in: processors in order, fail closed, one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from beacon_core import Batch, ComponentConfig, Counters, Event, Host, Processor, Queue, QueueFullError
from beacon_core.pipeline import Intake, Pipeline
from beacon_core.queues.sqlite import MemoryQueue
from beacon_core.testing import make_batch


class Each(Processor):
    """Applies a function to every event; None leaves the event out."""

    def __init__(self, change: Callable[[Event], Event | None]) -> None:
        super().__init__(ComponentConfig())
        self.change = change

    def process(self, batch: Batch) -> Batch:
        changed = (self.change(event) for event in batch)
        return batch.with_events([event for event in changed if event is not None])


def rename(to: str) -> Each:
    return Each(lambda event: msgspec.structs.replace(event, name=event.name + to))


def fail_on(number: int) -> Each:
    def change(event: Event) -> Event:
        if event.attributes["number"] == number:
            raise KeyError("payload that must not be logged")
        return event

    return Each(change)


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = MemoryQueue(MemoryQueue.config_class(max_bytes=5000))
    queue.start(Host("queue"))
    yield queue
    queue.shutdown(1)


def numbered(count: int) -> Batch:
    batch = make_batch(count)
    return batch.with_events([msgspec.structs.replace(e, attributes={"number": n}) for n, e in enumerate(batch)])


def test_processors_work_in_their_order() -> None:
    result = Pipeline("p", [("a", rename("-a")), ("b", rename("-b"))], ["x"]).process(make_batch(1))
    assert [event.name for event in result.batch] == ["test.event-a-b"]
    assert (result.filtered, result.dropped) == (0, {})


def test_an_event_that_is_left_out_counts_as_filtered() -> None:
    odd = Each(lambda event: event if event.attributes["number"] % 2 else None)  # type: ignore[operator]
    result = Pipeline("p", [("odd", odd)], ["x"]).process(numbered(5))
    assert (len(result.batch), result.filtered, result.dropped) == (2, 3, {})


def test_p2_an_event_that_makes_a_processor_raise_is_dropped_and_counted_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = Pipeline("p", [("sanitize", fail_on(1)), ("later", rename("!"))], ["x"]).process(numbered(3))
    assert [event.id for event in result.batch] == ["test-0", "test-2"]
    assert result.dropped == {"sanitize_failed": 1}
    assert result.filtered == 0
    assert "KeyError" in caplog.text
    assert "payload" not in caplog.text


def test_p3_consume_counts_for_every_exporter_of_the_pipeline(queue: Queue) -> None:
    counters = Counters()
    odd = Each(lambda event: event if event.attributes["number"] % 2 else None)  # type: ignore[operator]
    pipeline = Pipeline("p", [("odd", odd), ("sanitize", fail_on(1))], ["file", "splunk"])
    Intake("otlp", [pipeline], queue, counters).consume(numbered(5))
    assert counters.get("received", "otlp") == 5
    for exporter in ("file", "splunk"):
        assert counters.get("accepted", exporter) == 5
        assert counters.get("filtered", exporter) == 3
        assert counters.reasons("dropped", exporter) == {"sanitize_failed": 1}
        assert queue.backlogs()[exporter].events == 1


def test_p5_a_repeated_batch_is_counted_as_such_and_nothing_else(queue: Queue) -> None:
    counters = Counters()
    intake = Intake("otlp", [Pipeline("p", [], ["file"])], queue, counters)
    intake.consume(make_batch(2))
    intake.consume(make_batch(2))
    assert counters.get("received", "otlp") == 2
    assert counters.get("deduplicated", "otlp") == 2
    assert counters.get("accepted", "file") == 2


def test_p4_two_pipelines_of_a_receiver_store_together_or_not_at_all(queue: Queue) -> None:
    counters = Counters()
    pipelines = [Pipeline("a", [], ["file"]), Pipeline("b", [], ["splunk"])]
    intake = Intake("otlp", pipelines, queue, counters)
    intake.consume(make_batch(1))
    with pytest.raises(QueueFullError):
        intake.consume(make_batch(1, id="large", body="x" * 3000))
    assert {name: b.events for name, b in queue.backlogs().items()} == {"file": 1, "splunk": 1}
    assert counters.get("received", "otlp") == 1


def test_p5_batches_that_are_processed_together_keep_their_own_events_in_any_order() -> None:
    class Backwards(Processor):
        def process(self, batch: Batch) -> Batch:
            return batch.with_events(batch.events[::-1])

    first, second = make_batch(2, id="a"), make_batch(2, id="b")
    for processors in ([Backwards(ComponentConfig())], [rename("x"), Backwards(ComponentConfig())], [rename("x")]):
        pipeline = Pipeline("default", [("p", processor) for processor in processors], ["out"])
        for batch, result in zip([first, second], pipeline.process_all([first, second]), strict=True):
            assert result.batch.id == batch.id
            assert sorted(event.id for event in result.batch) == sorted(event.id for event in batch)


def test_an_empty_batch_is_nothing(queue: Queue) -> None:
    Intake("otlp", [Pipeline("p", [], ["file"])], queue, Counters()).consume(Batch("empty", ()))
    assert queue.backlogs() == {}
