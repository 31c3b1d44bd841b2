"""The worker: what it does with each outcome, to the queue, the counters and the exporter."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beacon_core import (
    Batch,
    BatchOptions,
    BatchTooLargeError,
    ConfigurationError,
    Entry,
    Exporter,
    ExporterConfig,
    Host,
    PartialExportError,
    PermanentError,
    Queue,
    RetryableError,
    RetryOptions,
)
from beacon_core.delivery import Worker
from beacon_core.queues.sqlite import MemoryQueue, SqliteQueue
from beacon_core.testing import make_batch

FAST = ExporterConfig(
    batch=BatchOptions(timeout=0.01),
    retry_on_failure=RetryOptions(initial_interval=0.001, max_interval=0.002, hold_interval=0.01),
)


class ScriptedExporter(Exporter):
    """Asks a function what to do with each batch, and keeps what was delivered."""

    def __init__(self, script: Callable[[Batch], Exception | None]) -> None:
        super().__init__(ExporterConfig())
        self.script = script
        self.attempts: list[list[str]] = []
        self.delivered: list[str] = []

    def export(self, batch: Batch) -> None:
        self.attempts.append([event.id for event in batch])
        error = self.script(batch)
        if isinstance(error, PartialExportError):
            self.delivered += [event.id for event in batch if event.id not in error.failed]
        if error is not None:
            raise error
        self.delivered += [event.id for event in batch]


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = MemoryQueue(MemoryQueue.config_class())
    queue.start(Host("queue"))
    yield queue
    queue.shutdown(1)


def fill(queue: Queue, *sizes: int) -> list[str]:
    for number, size in enumerate(sizes):
        queue.put([Entry(f"b{number}", make_batch(size, id=f"b{number}"), ("out",))])
    return [f"b{number}-{n}" for number, size in enumerate(sizes) for n in range(size)]


def drain(queue: Queue, exporter: Exporter, config: ExporterConfig = FAST, seconds: float = 20) -> Host:
    """Run a worker until the queue is empty or the time is over."""
    host = Host("out")
    exporter.start(host)
    worker = Worker(exporter, config, queue, host)
    worker.start()
    worker.drain()
    if not worker.join(seconds):
        worker.stop()
        assert worker.join(5)
    return host


def first_fail(times: int, error: Exception) -> Callable[[Batch], Exception | None]:
    left = iter([error] * times)
    return lambda _batch: next(left, None)


def test_what_is_queued_is_delivered_in_order_and_forgotten(queue: Queue) -> None:
    ids = fill(queue, 3, 2, 4)
    exporter = ScriptedExporter(lambda _batch: None)
    host = drain(queue, exporter)
    assert exporter.delivered == ids
    assert len(exporter.attempts) == 1  # put together into one attempt
    assert host.counters.get("delivered", "out") == 9
    assert queue.backlogs()["out"].events == 0


def test_attempts_stay_within_max_events(queue: Queue) -> None:
    ids = fill(queue, *[10] * 10)
    exporter = ScriptedExporter(lambda _batch: None)
    drain(queue, exporter, ExporterConfig(batch=BatchOptions(max_events=25)))
    assert exporter.delivered == ids
    assert {len(attempt) for attempt in exporter.attempts} == {20}


def test_p6_a_retryable_error_is_tried_again_in_order_until_it_succeeds(queue: Queue) -> None:
    ids = fill(queue, 3, 2)
    exporter = ScriptedExporter(first_fail(7, RetryableError("busy")))
    host = drain(queue, exporter)
    assert exporter.delivered == ids
    assert len(exporter.attempts) == 8
    assert host.counters.get("possibly_duplicated", "out") == 0


def test_an_ambiguous_failure_is_counted_as_possibly_duplicated(queue: Queue) -> None:
    fill(queue, 3)
    host = drain(queue, ScriptedExporter(first_fail(2, RetryableError("reset", ambiguous=True))))
    assert host.counters.get("possibly_duplicated", "out") == 6
    assert host.counters.get("delivered", "out") == 3


def test_p6_a_batch_that_is_too_large_is_split_down_to_what_fits(queue: Queue) -> None:
    ids = fill(queue, 13)
    exporter = ScriptedExporter(lambda batch: BatchTooLargeError("413") if len(batch) > 3 else None)
    drain(queue, exporter)
    assert exporter.delivered == ids


def test_p6_a_single_event_that_is_too_large_goes_to_the_dead_letters(queue: Queue) -> None:
    ids = fill(queue, 8)

    def refuse_one(batch: Batch) -> Exception | None:
        return BatchTooLargeError("413") if "b0-5" in {event.id for event in batch} else None

    exporter = ScriptedExporter(refuse_one)
    host = drain(queue, exporter)
    assert sorted(exporter.delivered) == sorted(set(ids) - {"b0-5"})
    assert host.counters.get("dead_lettered", "out") == 1
    assert queue.backlogs()["out"].events == 0


def test_p6_a_partial_failure_resends_only_what_may_succeed(queue: Queue) -> None:
    fill(queue, 5)
    answers = iter(
        [
            PartialExportError({"b0-1": PermanentError("poison"), "b0-3": RetryableError("not taken")}),
            None,
        ]
    )
    exporter = ScriptedExporter(lambda _batch: next(answers))
    host = drain(queue, exporter)
    assert exporter.attempts == [["b0-0", "b0-1", "b0-2", "b0-3", "b0-4"], ["b0-3"]]
    assert sorted(exporter.delivered) == ["b0-0", "b0-2", "b0-3", "b0-4"]
    assert (host.counters.get("delivered", "out"), host.counters.get("dead_lettered", "out")) == (4, 1)


def test_p6_the_dead_letters_of_an_attempt_are_put_aside_at_once_each_with_its_reason(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(queue, 5)
    asides: list[dict[str, str]] = []
    put_aside = queue.dead_letter
    monkeypatch.setattr(
        queue, "dead_letter", lambda lease, reasons: (asides.append(dict(reasons)), put_aside(lease, reasons))[-1]
    )
    failed = {"b0-1": PermanentError("poison"), "b0-2": PermanentError("other"), "b0-4": PermanentError("poison")}
    host = drain(queue, ScriptedExporter(lambda _batch: PartialExportError(failed)))
    assert asides == [{"b0-1": "poison", "b0-2": "other", "b0-4": "poison"}]
    assert (host.counters.get("delivered", "out"), host.counters.get("dead_lettered", "out")) == (2, 3)


def test_p6_a_permanent_error_is_a_dead_letter_with_its_reason(tmp_path: Path) -> None:
    durable = SqliteQueue(SqliteQueue.config_class(path=tmp_path / "queue.db"))
    durable.start(Host("queue"))
    fill(durable, 2)
    drain(durable, ScriptedExporter(lambda _batch: PermanentError("400 code 12: no event")))
    assert durable._commits is not None
    rows = durable._commits.read(
        lambda connection: connection.execute("SELECT exporter, event, reason, attempts FROM dead_letter").fetchall()
    )
    assert [(row[0], row[2], row[3]) for row in rows] == [("out", "400 code 12: no event", 1)] * 2
    assert '"id":"b0-0"' in rows[0][1]
    durable.shutdown(1)


def test_p6_a_configuration_error_keeps_everything_and_is_reported(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    fill(queue, 3)
    exporter = ScriptedExporter(lambda _batch: ConfigurationError("403 code 4: Invalid token"))
    with caplog.at_level(logging.WARNING, "beacon"):
        host = drain(queue, exporter, seconds=0.2)
    assert queue.backlogs()["out"].events == 3
    assert host.counters.get("dead_lettered", "out") == 0
    messages = [record.getMessage() for record in caplog.records]
    assert any("HELD" in m and "Invalid token" in m for m in messages)
    assert len(messages) == 1  # loud, and not once per attempt


def test_p6_a_corrected_configuration_delivers_what_was_held(queue: Queue) -> None:
    ids = fill(queue, 3)
    exporter = ScriptedExporter(first_fail(3, ConfigurationError("401")))
    drain(queue, exporter)
    assert exporter.delivered == ids


def test_p6_a_bug_in_a_plugin_costs_only_the_event_that_triggers_it(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    ids = fill(queue, 6)

    def crash(batch: Batch) -> Exception | None:
        return ZeroDivisionError("secret-payload") if "b0-2" in {event.id for event in batch} else None

    exporter = ScriptedExporter(crash)
    with caplog.at_level(logging.WARNING, "beacon"):
        host = drain(queue, exporter)
    assert sorted(exporter.delivered) == sorted(set(ids) - {"b0-2"})
    assert host.counters.get("dead_lettered", "out") == 1
    assert "fault of the plugin" in caplog.text
    assert "test_worker.py" in caplog.text  # where it happened
    assert "secret-payload" not in caplog.text  # not what it said


def test_max_elapsed_time_gives_a_batch_up(queue: Queue) -> None:
    fill(queue, 2)
    config = ExporterConfig(
        retry_on_failure=RetryOptions(initial_interval=0.001, max_interval=0.002, max_elapsed_time=0.02)
    )
    host = drain(queue, ScriptedExporter(lambda _batch: RetryableError("busy")), config)
    assert host.counters.get("dead_lettered", "out") == 2


def test_p4_a_worker_that_hangs_delays_no_other(queue: Queue) -> None:
    queue.put([Entry("b", make_batch(3), ("slow", "quick"))])
    release = threading.Event()

    def hang(_batch: Batch) -> Exception | None:
        release.wait(30)
        return None

    slow, quick = ScriptedExporter(hang), ScriptedExporter(lambda _batch: None)
    workers = [Worker(slow, FAST, queue, Host("slow")), Worker(quick, FAST, queue, Host("quick"))]
    for worker in workers:
        worker.start()
        worker.drain()
    assert workers[1].join(10)
    assert len(quick.delivered) == 3
    release.set()
    assert workers[0].join(10)


def test_an_event_that_arrives_while_a_worker_waits_is_delivered(queue: Queue) -> None:
    exporter = ScriptedExporter(lambda _batch: None)
    worker = Worker(exporter, FAST, queue, Host("out"))
    worker.start()
    fill(queue, 1)
    worker.drain()
    assert worker.join(10)
    assert exporter.delivered == ["b0-0"]
