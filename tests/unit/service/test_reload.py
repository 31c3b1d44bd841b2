"""Reading the configuration again during a run: what is the same goes on, what is wrong changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from beacon_core import (
    Batch,
    ConfigurationError,
    Consumer,
    Exporter,
    ExporterConfig,
    Host,
    PluginError,
    Receiver,
    RetryOptions,
)
from beacon_core.config import ComponentConfig, PipelineOptions
from beacon_core.loader import Graph
from beacon_core.queues.sqlite import MemoryQueue
from beacon_core.service import Receipt, Service
from beacon_core.testing import make_batch


class Options(ExporterConfig):
    """A destination that knows one token."""

    token: str = "good"
    hurry: bool = False
    retry_on_failure: RetryOptions = RetryOptions(hold_interval=3600)


class Sink(Exporter):
    """Takes what comes with the right token; all sinks share what arrived."""

    config_class = Options
    config: Options
    arrived: list[str] = []  # noqa: RUF012 - common to all; emptied before each test

    def start(self, host: Host) -> None:
        super().start(host)
        if self.config.token == "cannot start":
            raise ConfigurationError("no such place")

    def export(self, batch: Batch) -> None:
        if self.config.token != "good":
            raise ConfigurationError("401")
        self.arrived += [event.id for event in batch]


class Port(ComponentConfig):
    """A port of a receiver."""

    number: int = 1


class Manual(Receiver):
    """Hands over what a test gives it."""

    config_class = Port
    config: Port
    taken: set[int] = set()  # noqa: RUF012 - as ports are, common to all; emptied before each test

    def start(self, host: Host) -> None:
        super().start(host)
        if self.config.number in self.taken or self.config.number < 0:
            raise ConfigurationError(f"port {self.config.number} is taken")
        self.taken.add(self.config.number)
        self.done = threading.Event()

    def run(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.done.wait(60)

    def shutdown(self, timeout: float) -> None:
        if hasattr(self, "done"):
            self.taken.discard(self.config.number)
            self.done.set()


class Bench:
    """A service in a thread, and what a test does to it."""

    def __init__(self) -> None:
        self.arrived = Sink.arrived
        self.arrived.clear()
        self.taken = Manual.taken
        self.taken.clear()
        self.next: Graph | Exception = self.graph()
        self.service = Service(self.next, load=self.load)
        self.receipt: Receipt | None = None
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        self.receipt = self.service.run()

    def load(self) -> Graph:
        if isinstance(self.next, Exception):
            raise self.next
        return self.next

    def graph(self, token: str = "good", number: int = 1, exporter: str = "out", **queue: object) -> Graph:
        sink, manual = Sink(Options(token=token)), Manual(Port(number=number))
        return Graph(
            receivers={"in": manual},
            processors={},
            exporters={exporter: sink},
            exporter_configs={exporter: sink.config},
            queue=MemoryQueue(MemoryQueue.config_class(**queue)),
            pipelines={"p": PipelineOptions(receivers=["in"], exporters=[exporter])},
        )

    def give(self, name: str) -> None:
        receiver = self.service._graph.receivers["in"]
        self.wait(lambda: hasattr(receiver, "consumer"))
        receiver.consumer.consume(make_batch(2, id=name))  # type: ignore[attr-defined]

    def reload(self, to: Graph | Exception, caplog: pytest.LogCaptureFixture) -> None:
        self.next = to
        before = len(caplog.records)
        self.service.reload()
        self.wait(lambda: any("configuration was" in r.getMessage() for r in caplog.records[before:]))

    @staticmethod
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def end(self) -> Receipt:
        self.service.stop()
        self.thread.join(30)
        assert self.receipt is not None
        assert self.receipt.balanced
        return self.receipt


@pytest.fixture
def bench(caplog: pytest.LogCaptureFixture) -> Bench:
    caplog.set_level("INFO", "beacon")
    return Bench()


def started(bench: Bench, graph: Graph | None = None) -> Bench:
    if graph is not None:
        bench.service = Service(graph, load=bench.load)
    bench.thread.start()
    bench.wait(lambda: bench.service.ready)
    return bench


def test_p6_a_corrected_token_delivers_what_was_held(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench, bench.graph(token="wrong"))
    bench.give("a")
    bench.wait(lambda: "HELD" in caplog.text)
    bench.reload(bench.graph(), caplog)
    bench.wait(lambda: bench.arrived == ["a-0", "a-1"])
    assert bench.end().exporters["out"].delivered == 2


def test_an_exporter_that_is_the_same_is_tried_again_at_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench, bench.graph(token="wrong"))
    bench.give("a")
    bench.wait(lambda: "HELD" in caplog.text)
    sink = bench.service._graph.exporters["out"]
    sink.config.__dict__["token"] = "good"  # as if somebody had enabled it at the destination
    bench.reload(bench.graph(), caplog)
    bench.wait(lambda: bench.arrived == ["a-0", "a-1"])
    assert bench.service._graph.exporters["out"] is sink
    bench.end()


@pytest.mark.parametrize(
    "problem", [PluginError("exporter type 'kafka' is not installed"), ConfigurationError("p.yaml:1:1 unknown section")]
)
def test_a_configuration_that_is_wrong_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture, problem: Exception
) -> None:
    started(bench)
    bench.reload(problem, caplog)
    assert str(problem) in caplog.text
    bench.give("a")
    assert bench.end().exporters["out"].delivered == 2


def test_an_exporter_that_cannot_start_goes_on_as_before(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench)
    bench.reload(bench.graph(token="cannot start"), caplog)
    assert "out: no such place; it goes on as before" in caplog.text
    bench.give("a")
    assert bench.end().exporters["out"].delivered == 2


def test_an_exporter_that_is_new_and_cannot_start_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    started(bench)
    bench.reload(bench.graph(token="cannot start", exporter="new"), caplog)
    assert "the configuration was not changed:\nnew: no such place" in caplog.text
    bench.give("a")
    assert bench.end().exporters["out"].delivered == 2


def test_p4_the_old_exporter_has_ended_before_the_new_one_starts(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    started(bench)
    order: list[str] = []
    old, new = bench.service._graph.exporters["out"], bench.graph()
    replacing = Sink(Options(hurry=True))
    new.exporters["out"], new.exporter_configs["out"] = replacing, replacing.config
    old.shutdown = lambda _timeout: order.append("old ends")  # type: ignore[method-assign]
    start = replacing.start
    replacing.start = lambda host: (order.append("new starts"), start(host))[-1]  # type: ignore[method-assign]
    bench.reload(new, caplog)
    assert order == ["old ends", "new starts"]
    bench.give("a")
    assert bench.end().exporters["out"].delivered == 2


def test_the_queue_cannot_change_during_a_run(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench)
    bench.reload(bench.graph(max_bytes=1), caplog)
    assert "service.queue cannot change" in caplog.text
    bench.end()


def test_a_receiver_that_is_the_same_goes_on_without_a_pause(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench)
    receiver = bench.service._graph.receivers["in"]
    bench.reload(bench.graph(exporter="new"), caplog)
    assert bench.service._graph.receivers["in"] is receiver
    bench.give("a")
    receipt = bench.end()
    assert receipt.exporters["new"].delivered == 2  # its events take the new way
    assert receipt.exporters["out"].accepted == 0


def test_p3_events_of_an_exporter_that_was_taken_away_stay_queued_and_in_the_receipt(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    started(bench, bench.graph(token="wrong"))
    bench.give("a")
    bench.wait(lambda: "HELD" in caplog.text)
    bench.reload(bench.graph(exporter="new"), caplog)
    bench.give("b")
    receipt = bench.end()
    assert (receipt.exporters["out"].accepted, receipt.exporters["out"].queued) == (2, 2)
    assert receipt.exporters["new"].delivered == 2


def test_a_receiver_that_changed_is_replaced(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench)
    bench.reload(bench.graph(number=2), caplog)
    assert bench.taken == {2}
    bench.give("a")
    assert bench.end().exporters["out"].delivered == 2
    assert bench.taken == set()


def test_a_receiver_that_cannot_be_replaced_goes_on_as_before(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    started(bench)
    bench.reload(bench.graph(number=-1), caplog)
    assert "in: port -1 is taken; it goes on as before" in caplog.text
    assert bench.taken == {1}
    bench.give("a")
    assert bench.end().exporters["out"].delivered == 2
