"""A receiver that keeps its contract, and receivers that break it, each in one way. Run by test_contracts_catch.py."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import ClassVar

import pytest

from beacon_core import Batch, ComponentConfig, Consumer, Event, Host, QueueError, QueueFullError, Receiver, content_id
from beacon_core.testing import ReceiverContract

OK, AGAIN = b"ok", b"again"


class Lines(Receiver):
    """Takes connections one after the other; each sends a line and gets an answer."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self.listener: socket.socket | None = None
        self.stop = threading.Event()

    @property
    def endpoints(self) -> dict[str, str]:
        return {"tcp": str(self.listener.getsockname()[1])} if self.listener else {}

    def start(self, host: Host) -> None:
        super().start(host)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.01)

    def run(self, consumer: Consumer) -> None:
        while not self.stop.is_set():
            try:
                assert self.listener is not None
                link, _ = self.listener.accept()
            except OSError:
                continue
            with link:
                link.settimeout(5)
                self.serve(link, consumer)

    def serve(self, link: socket.socket, consumer: Consumer) -> None:
        link.sendall(self.take(consumer, link.recv(1000)))

    def take(self, consumer: Consumer, line: bytes) -> bytes:
        try:
            consumer.consume(self.batch(line))
        except QueueError:
            return AGAIN
        return OK

    def batch(self, line: bytes) -> Batch:
        name = content_id(line)
        return Batch(name, (self.event(f"{name}-0", line),))

    def event(self, name: str, line: bytes) -> Event:
        return Event(id=name, signal="log", name="", time_unix_nano=time.time_ns(), body=line.decode())

    def shutdown(self, timeout: float) -> None:
        self.stop.set()
        if self.listener is not None:
            self.listener.close()


def send(receiver: Receiver) -> bool:
    with socket.create_connection(("127.0.0.1", int(receiver.endpoints["tcp"])), timeout=5) as link:
        link.sendall(b"hello")
        return link.recv(1000) == OK


class Contract(ReceiverContract):
    patience = 20.0
    grace = 0.05
    breaks: ClassVar[tuple[str, ...]] = ()
    lines: ClassVar[type[Receiver]] = Lines

    @pytest.fixture
    def receiver(self) -> Receiver:
        return self.lines(ComponentConfig())

    @pytest.fixture
    def send(self) -> Callable[[Receiver], bool | None] | None:
        return send


class TestGood(Contract):
    pass


class TestTellsItsSourceNothing(Contract):
    """As a UDP receiver would: it has to try again itself."""

    class lines(Lines):  # noqa: N801 - the member's name, here and below
        def take(self, consumer: Consumer, line: bytes) -> bytes:
            while super().take(consumer, line) == AGAIN:
                if self.stop.wait(0.01):
                    break
            return OK

    @pytest.fixture
    def send(self) -> Callable[[Receiver], bool | None] | None:
        def tell(receiver: Receiver) -> None:
            link = socket.create_connection(("127.0.0.1", int(receiver.endpoints["tcp"])), timeout=5)
            with link:
                link.sendall(b"hello")
                link.recv(1000)

        return tell


class TestBindsInTheConstructor(Contract):
    breaks = ("test_the_constructor_only_stores",)

    class lines(Lines):  # noqa: N801
        def __init__(self, config: ComponentConfig) -> None:
            super().__init__(config)
            socket.create_server(("127.0.0.1", 0)).close()


class TestAcknowledgesFirst(Contract):
    grace = 2.0
    breaks = (
        "test_p1_nothing_is_acknowledged_before_it_is_stored",
        "test_p1_what_the_queue_refused_is_not_lost",
    )

    class lines(Lines):  # noqa: N801
        def serve(self, link: socket.socket, consumer: Consumer) -> None:
            line = link.recv(1000)
            link.sendall(OK)
            self.take(consumer, line)


class TestAcknowledgesWhatWasRefused(Contract):
    grace = 2.0
    breaks = ("test_p1_what_the_queue_refused_is_not_lost",)

    class lines(Lines):  # noqa: N801
        def take(self, consumer: Consumer, line: bytes) -> bytes:
            super().take(consumer, line)
            return OK


class TestKnowsOneOfTheErrorsOnly(Contract):
    grace = 2.0
    breaks = ("test_p1_what_the_queue_refused_is_not_lost",)

    class lines(Lines):  # noqa: N801
        def take(self, consumer: Consumer, line: bytes) -> bytes:
            try:
                consumer.consume(self.batch(line))
            except QueueFullError:
                return AGAIN
            except QueueError:
                pass
            return OK


class TestLosesWhatWasRefusedSilently(TestTellsItsSourceNothing):
    patience = 1.5
    breaks = ("test_p1_what_the_queue_refused_is_not_lost",)
    lines = Lines


class TestRefusesForEver(Contract):
    breaks = ("test_p1_what_the_queue_refused_is_not_lost",)

    class lines(Lines):  # noqa: N801
        refuses = False

        def take(self, consumer: Consumer, line: bytes) -> bytes:
            self.refuses = self.refuses or super().take(consumer, line) == AGAIN
            return AGAIN if self.refuses else OK


class TestWaitsForTheQueueWhateverHappens(Contract):
    patience = 1.5
    breaks = ("test_run_returns_after_shutdown_though_nothing_is_taken",)

    class lines(Lines):  # noqa: N801
        def take(self, consumer: Consumer, line: bytes) -> bytes:
            deadline = time.monotonic() + 5
            while super().take(consumer, line) == AGAIN and time.monotonic() < deadline:
                time.sleep(0.01)
            return OK


class TestRefusesWhatItTakes(Contract):
    breaks = ("test_an_event_arrives", "test_p1_what_the_queue_refused_is_not_lost")

    class lines(Lines):  # noqa: N801
        def take(self, consumer: Consumer, line: bytes) -> bytes:
            super().take(consumer, line)
            return AGAIN


class TestWaitsForItsFirstConnection(Contract):
    patience = 1.5
    breaks = (
        "test_run_returns_after_shutdown",
        "test_run_returns_at_once_after_an_early_shutdown",
        "test_nothing_stays_open_after_shutdown",
    )

    class lines(Lines):  # noqa: N801
        served = False

        def serve(self, link: socket.socket, consumer: Consumer) -> None:
            self.served = True
            super().serve(link, consumer)

        def run(self, consumer: Consumer) -> None:
            super().run(consumer)
            if not self.served:
                time.sleep(3)


class TestMissesAnEarlyShutdown(Contract):
    patience = 1.5
    breaks = ("test_run_returns_at_once_after_an_early_shutdown",)

    class lines(Lines):  # noqa: N801
        def run(self, consumer: Consumer) -> None:
            if self.listener is not None and self.listener.fileno() == -1:
                time.sleep(3)
            super().run(consumer)


class TestCannotBeShutDownUnstarted(Contract):
    breaks = ("test_it_can_be_shut_down_without_having_been_started",)

    class lines(Lines):  # noqa: N801
        def shutdown(self, timeout: float) -> None:
            assert self.listener is not None
            super().shutdown(timeout)


class TestLeavesItsSocketOpen(Contract):
    patience = 1.5
    breaks = ("test_nothing_stays_open_after_shutdown",)
    kept: ClassVar[list[socket.socket]] = []  # so that no warning tells either

    class lines(Lines):  # noqa: N801
        def shutdown(self, timeout: float) -> None:
            self.stop.set()
            if self.listener is not None:
                TestLeavesItsSocketOpen.kept.append(self.listener)


class TestGivesNoTime(Contract):
    breaks = ("test_what_it_hands_over_is_what_events_promise",)

    class lines(Lines):  # noqa: N801
        def event(self, name: str, line: bytes) -> Event:
            return Event(id=name, signal="log", name="", time_unix_nano=0)


class TestGivesTheSameIdTwice(Contract):
    breaks = ("test_what_it_hands_over_is_what_events_promise",)

    class lines(Lines):  # noqa: N801
        def batch(self, line: bytes) -> Batch:
            return Batch("x", (self.event("x-0", line), self.event("x-0", line)))


class TestMakesWhatCannotBeStored(Contract):
    breaks = ("test_what_it_hands_over_is_what_events_promise",)

    class lines(Lines):  # noqa: N801
        def event(self, name: str, line: bytes) -> Event:
            return Event(id=name, signal="log", name="", time_unix_nano=1, body=2**64)


class Finite(Lines):
    """Reads one line that it has, and ends."""

    def run(self, consumer: Consumer) -> None:
        while self.take(consumer, b"line") == AGAIN and not self.stop.wait(0.01):
            pass


class FiniteContract(Contract):
    lines = Finite

    @pytest.fixture
    def send(self) -> None:
        return None


class TestGoodFinite(FiniteContract):
    pass


class TestDoesNotEnd(FiniteContract):
    patience = 1.5
    breaks = ("test_a_finite_source_is_read_to_its_end",)

    class lines(Finite):  # noqa: N801
        def run(self, consumer: Consumer) -> None:
            super().run(consumer)
            self.stop.wait()


class TestEndsBeforeItHandsOver(FiniteContract):
    breaks = ("test_a_finite_source_is_read_to_its_end",)

    class lines(Finite):  # noqa: N801
        def run(self, consumer: Consumer) -> None:
            threading.Timer(0.1, super().run, args=(consumer,)).start()


class TestLosesWhatTheQueueRefused(FiniteContract):
    patience = 1.5
    breaks = ("test_p1_what_the_queue_refused_is_not_lost",)

    class lines(Finite):  # noqa: N801
        def run(self, consumer: Consumer) -> None:
            self.take(consumer, b"line")


class TestSaysThatItEnds(Contract):
    patience = 1.5
    breaks = ("test_a_single_pass_comes_to_its_end",)

    class lines(Lines):  # noqa: N801
        finite = True
