"""One run: lifecycle, the end by signal or by finite receivers, drain, receipt, ready file, admin endpoint."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon_core import (
    Batch,
    ComponentConfig,
    ConfigurationError,
    Consumer,
    Exporter,
    ExporterConfig,
    Host,
    Receiver,
    RetryableError,
    RetryOptions,
)
from beacon_core.config import PipelineOptions
from beacon_core.loader import Graph
from beacon_core.queues.sqlite import MemoryQueue, SqliteQueue
from beacon_core.service import Service, receipt_text
from beacon_core.testing import make_batch

CONFIG = ExporterConfig(retry_on_failure=RetryOptions(initial_interval=0.001, max_interval=0.01, hold_interval=0.01))


class Finite(Receiver):
    """Hands over batches of ten and ends; or goes on waiting for its shutdown."""

    def __init__(self, batches: int = 1, *, endless: bool = False, error: Exception | None = None) -> None:
        super().__init__(ComponentConfig())
        self.batches, self.endless, self.error = batches, endless, error
        self.done = threading.Event()
        self.handed_over = threading.Event()
        self.log: list[str] = []

    @property
    def endpoints(self) -> dict[str, str]:
        return {"test": "test://here"}

    def run(self, consumer: Consumer) -> None:
        if self.error:
            raise self.error
        for n in range(self.batches):
            consumer.consume(make_batch(10, id=f"b{n}"))
        self.handed_over.set()
        if self.endless:
            self.done.wait(30)

    def shutdown(self, timeout: float) -> None:
        self.done.set()


class Sink(Exporter):
    """Keeps what it gets, unless a function raises."""

    def __init__(self, script: Callable[[], None] = lambda: None) -> None:
        super().__init__(CONFIG)
        self.script = script
        self.ids: list[str] = []
        self.closed = 0

    def export(self, batch: Batch) -> None:
        self.script()
        self.ids += [event.id for event in batch]

    def shutdown(self, timeout: float) -> None:
        self.closed += 1


def graph(receiver: Receiver, sink: Exporter, queue: MemoryQueue | None = None, **changes: object) -> Graph:
    members: dict[str, object] = {
        "receivers": {"in": receiver},
        "processors": {},
        "exporters": {"out": sink},
        "exporter_configs": {"out": CONFIG},
        "queue": queue or MemoryQueue(MemoryQueue.config_class()),
        "pipelines": {"p": PipelineOptions(receivers=["in"], exporters=["out"])},
    }
    return Graph(**members | changes)  # type: ignore[arg-type]


def raising(error: Exception) -> Callable[[], None]:
    def script() -> None:
        raise error

    return script


def test_a_run_with_finite_receivers_ends_by_itself_when_everything_is_delivered() -> None:
    sink = Sink()
    receipt = Service(graph(Finite(3), sink)).run()
    assert len(sink.ids) == 30
    assert receipt.balanced
    assert receipt.received == 30
    line = receipt.exporters["out"]
    assert (line.carried_over, line.accepted, line.delivered, line.queued) == (0, 30, 30, 0)
    assert sink.closed == 1


def test_a_finite_run_waits_for_a_destination_that_comes_back() -> None:
    failures = iter([RetryableError("busy")] * 20)

    def script() -> None:
        error = next(failures, None)
        if error:
            raise error

    sink = Sink(script)
    assert Service(graph(Finite(), sink)).run().exporters["out"].delivered == 10


def test_stop_drains_and_ends() -> None:
    sink, receiver = Sink(), Finite(5, endless=True)
    service = Service(graph(receiver, sink))
    threading.Thread(target=lambda: (receiver.handed_over.wait(10), service.stop())).start()
    assert service.run().exporters["out"].delivered == 50


def test_p3_what_is_not_delivered_in_time_stays_queued_and_the_next_run_delivers_it(tmp_path: Path) -> None:
    def queue() -> SqliteQueue:
        return SqliteQueue(SqliteQueue.config_class(path=tmp_path / "queue.db"))

    down = Sink(raising(RetryableError("down")))
    first = Service(graph(Finite(2), down, queue()), drain_timeout=0.1).run()
    assert first.balanced
    assert first.exporters["out"].queued == 20
    up = Sink()
    second = Service(graph(Finite(0), up, queue())).run()
    assert second.balanced
    assert second.exporters["out"].carried_over == 20
    assert second.exporters["out"].delivered == 20
    assert len(set(up.ids)) == 20


def test_a_second_stop_ends_without_draining() -> None:
    down, receiver = Sink(raising(RetryableError("down"))), Finite(endless=True)
    service = Service(graph(receiver, down), drain_timeout=3600)

    def stop_twice() -> None:
        receiver.handed_over.wait(10)
        service.stop()
        service.stop()

    threading.Thread(target=stop_twice).start()
    receipt = service.run()
    assert receipt.balanced
    assert receipt.exporters["out"].queued == 10


def test_an_exporter_that_hangs_does_not_keep_the_run_from_ending() -> None:
    release = threading.Event()
    sink = Sink(lambda: release.wait(60) and None)  # type: ignore[func-returns-value]
    receipt = Service(graph(Finite(), sink), drain_timeout=0.05).run()
    release.set()
    assert receipt.balanced
    assert receipt.exporters["out"].queued == 10


def test_a_receiver_that_cannot_start_ends_the_run_and_everything_is_shut_down(tmp_path: Path) -> None:
    class Refuses(Finite):
        def start(self, host: Host) -> None:
            raise ConfigurationError("port 4318 is taken")

    sink = Sink()
    with pytest.raises(ConfigurationError, match="port 4318"):
        Service(graph(Refuses(), sink)).run(ready_file=tmp_path / "ready.json")
    assert sink.closed == 1
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_receiver_that_fails_ends_the_run_as_failed() -> None:
    service = Service(graph(Finite(error=ZeroDivisionError()), Sink()))
    assert service.run().balanced
    assert service.failed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_fails_ends_the_run_as_failed() -> None:
    class Broken(MemoryQueue):
        def ack(self, *_: object) -> int:
            raise ZeroDivisionError

    service = Service(graph(Finite(endless=True), Sink(), Broken(MemoryQueue.config_class())))
    receipt = service.run()
    assert service.failed
    assert receipt.balanced
    assert receipt.exporters["out"].queued == 10


def test_the_ready_file_names_process_and_endpoints_while_the_run_lasts(tmp_path: Path) -> None:
    ready, receiver = tmp_path / "ready.json", Finite(endless=True)
    ready.write_text("left over from a run that was killed")
    service = Service(graph(receiver, Sink()))
    seen: list[object] = []

    def look() -> None:
        receiver.handed_over.wait(10)
        while not service.ready:
            pass
        seen.extend((json.loads(ready.read_text()), ready.stat().st_mode & 0o777))
        service.stop()

    threading.Thread(target=look).start()
    service.run(ready_file=ready)
    assert seen == [{"pid": os.getpid(), "endpoints": {"in": {"test": "test://here"}}}, 0o600]
    assert not ready.exists()


def test_the_admin_endpoint_tells_health_readiness_metrics_and_receipt(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Finite(endless=True)
    service = Service(graph(receiver, Sink(), telemetry_endpoint="127.0.0.1:0"))
    answers: dict[str, str] = {}

    def get(url: str) -> str:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return f"{answer.status} {answer.read().decode()}"
        except urllib.error.HTTPError as error:
            with error:
                return f"{error.code}"

    def look() -> None:
        receiver.handed_over.wait(10)
        while not service.ready:
            pass
        base = next(r.getMessage().split()[-1] for r in caplog.records if "admin endpoint" in r.getMessage())
        answers.update({path: get(base + path) for path in ("/healthz", "/readyz", "/metrics", "/receipt", "/nothing")})
        service.stop()

    with caplog.at_level("INFO", "beacon"):
        thread = threading.Thread(target=look)
        thread.start()
        service.run()
        thread.join()
    assert answers["/healthz"] == "200 ok\n"
    assert answers["/readyz"] == "200 ready\n"
    assert answers["/nothing"] == "404"
    assert 'beacon_events_accepted_total{component="out"} 10' in answers["/metrics"]
    assert "process_memory_usage" in answers["/metrics"]
    assert json.loads(answers["/receipt"][4:])["exporters"]["out"]["accepted"] == 10


def test_an_admin_endpoint_that_cannot_be_bound_is_a_clear_error() -> None:
    with pytest.raises(ConfigurationError, match=r"service\.telemetry\.endpoint 127\.0\.0\.1:notaport"):
        Service(graph(Finite(), Sink(), telemetry_endpoint="127.0.0.1:notaport")).run()


def test_the_receipt_as_text_says_what_a_reader_has_to_know() -> None:
    receipt = Service(
        graph(Finite(2), Sink(raising(RetryableError("reset", ambiguous=True)))), drain_timeout=0.05
    ).run()
    text = receipt_text(receipt)
    assert text.splitlines()[0].split() == [
        *("exporter", "carried", "over", "accepted", "delivered", "filtered", "dropped", "dead-lettered", "queued")
    ]
    assert text.splitlines()[1].split() == ["out", "0", "20", "0", "0", "0", "0", "20"]
    assert "received 20; balanced" in text
    assert "possibly delivered twice" in text
    assert "20 still queued" in text


def test_queued_events_of_an_exporter_that_is_gone_are_mentioned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def queue() -> SqliteQueue:
        return SqliteQueue(SqliteQueue.config_class(path=tmp_path / "queue.db"))

    Service(graph(Finite(), Sink(raising(RetryableError("down"))), queue()), drain_timeout=0.05).run()
    other = {
        "exporters": {"new": Sink()},
        "exporter_configs": {"new": CONFIG},
        "pipelines": {"p": PipelineOptions(receivers=["in"], exporters=["new"])},
    }
    Service(graph(Finite(0), Sink(), queue(), **other)).run()
    assert "10 events are queued for exporter out" in caplog.text
