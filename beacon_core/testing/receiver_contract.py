"""The contract of receivers, as a class of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, TypeAlias

import msgspec
import pytest

from beacon_core.component import Component, Host
from beacon_core.errors import QueueError, QueueFullError, QueueUnavailableError
from beacon_core.event import Batch, Event, encode_batch
from beacon_core.receiver import Consumer, Receiver
from beacon_core.testing.component_contract import ComponentContract
from beacon_core.testing.doubles import HeldConsumer, ListConsumer, RefusingConsumer
from beacon_core.testing.watching import Call, bounded, require, wait_until

#: Sends one event to a started receiver and waits for what it says: True for "taken", False for "not taken, send it
#: again", None if its source is told nothing.
Send: TypeAlias = Callable[[Receiver], bool | None]

_REFUSALS: dict[str, QueueError] = {
    "full": QueueFullError("the queue is full", retry_after=0.01),
    "unavailable": QueueUnavailableError("the disk is full"),
}


class ReceiverContract(ComponentContract):
    """What a receiver promises.

    Derive from it in a test module and say how to make one and how to send it something:

        class TestMyReceiver(ReceiverContract):
            @pytest.fixture
            def receiver(self):
                return MyReceiver(MyConfig(endpoint="127.0.0.1:0"))

            @pytest.fixture
            def send(self):
                return lambda receiver: requests.post(receiver.endpoints["http"], b"hello").status_code == 200

    `receiver` is required, not started. `send` makes it receive one event, see `Send`. A finite receiver, which reads a
    source with at least one event to its end, has no `send`.

    Attributes:
        grace: seconds in which an acknowledgement that comes too early is waited for.
    """

    grace: ClassVar[float] = 0.2

    @pytest.fixture
    def receiver(self) -> Receiver:
        """The receiver; not started."""
        raise NotImplementedError("override the fixture `receiver`: return one that is not started")

    @pytest.fixture
    def send(self) -> Send | None:
        """What makes it receive one event; None for a finite receiver."""
        return None

    @pytest.fixture
    def component(self, receiver: Receiver) -> Component:
        return receiver

    @contextmanager
    def running(self, receiver: Receiver, consumer: Consumer, timeout: float = 5) -> Iterator[Call[None]]:
        """Start a receiver and run it in a thread of its own; shut it down at the end and wait for the thread."""
        receiver.start(Host("contract"))
        run = Call(lambda: receiver.run(consumer))
        try:
            yield run
        finally:
            self.shut_down(receiver, timeout)
        run.result(self.patience, "run() does not return after shutdown()")

    def sending(self, send: Send | None, receiver: Receiver) -> Call[bool | None]:
        """Send one event from another thread."""
        return Call(lambda: send(receiver) if send is not None else None)

    def answer(self, sending: Call[bool | None]) -> bool | None:
        """Return what the source was told."""
        return sending.result(self.patience, "send() does not return: the receiver never answers")

    def live(self, component: Component) -> None:
        if isinstance(component, Receiver):
            with self.running(component, ListConsumer()):
                pass

    # ---- what is received ----

    def test_an_event_arrives(self, receiver: Receiver, send: Send | None) -> None:
        consumer = ListConsumer()
        with self.running(receiver, consumer):
            said = self.answer(self.sending(send, receiver))
            require(said is not False, "it was refused although the consumer takes everything")
            wait_until(lambda: consumer.events, self.patience, "no event reached the consumer")

    def test_what_it_hands_over_is_what_events_promise(self, receiver: Receiver, send: Send | None) -> None:
        consumer = ListConsumer()
        with self.running(receiver, consumer):
            self.answer(self.sending(send, receiver))
            wait_until(lambda: consumer.events, self.patience, "no event reached the consumer")
        for batch in consumer.batches:
            require_whole(batch)

    def test_a_finite_source_is_read_to_its_end(self, receiver: Receiver, send: Send | None) -> None:
        if send is not None:
            pytest.skip("it has no end: there is a `send`")
        consumer = ListConsumer()
        with self.running(receiver, consumer) as run:
            run.result(self.patience, "run() does not return at the end of the source; if it has none, override `send`")
            require(consumer.events, "run() returned before it had handed over what it read")

    def test_a_single_pass_comes_to_its_end(self, receiver: Receiver) -> None:
        if not receiver.finite:
            pytest.skip("it says that it has no end: `finite` is False")
        receiver.start(Host("contract", once=True))
        try:
            bounded(
                lambda: receiver.run(ListConsumer()),
                self.patience,
                "run() does not return, though `finite` says so and `host.once` asked for one pass",
            )
        finally:
            self.shut_down(receiver)

    # ---- acknowledging and back-pressure ----

    def test_p1_nothing_is_acknowledged_before_it_is_stored(self, receiver: Receiver, send: Send | None) -> None:
        consumer = HeldConsumer()
        with self.running(receiver, consumer):
            sending = self.sending(send, receiver)
            try:
                wait_until(consumer.entered.is_set, self.patience, "consume() was not called")
                early = sending.result_within(self.grace)
            finally:
                consumer.release()
            require(early is not True, "it acknowledged an event while consume() had not returned yet")
            self.answer(sending)

    @pytest.mark.parametrize("why", _REFUSALS)
    def test_p1_what_the_queue_refused_is_not_lost(self, receiver: Receiver, send: Send | None, why: str) -> None:
        consumer = RefusingConsumer(_REFUSALS[why])
        with self.running(receiver, consumer):
            sending = self.sending(send, receiver)
            wait_until(consumer.refused.is_set, self.patience, "consume() was not called")
            early = sending.result_within(self.grace)
            require(early is not True, f"it acknowledged an event although consume() raised: {_REFUSALS[why]}")
            consumer.accept()
            if self.answer(sending) is False:
                said = self.answer(self.sending(send, receiver))
                require(said is not False, "it goes on refusing although the queue takes events again")
            wait_until(
                lambda: consumer.events,
                self.patience,
                f"the event was lost: after {type(_REFUSALS[why]).__name__} it has to be consumed again,"
                " or its source has to be told",
            )

    # ---- the end ----

    def test_run_returns_after_shutdown(self, receiver: Receiver) -> None:
        with self.running(receiver, ListConsumer()):
            pass

    def test_run_returns_after_shutdown_though_nothing_is_taken(self, receiver: Receiver, send: Send | None) -> None:
        consumer = RefusingConsumer(QueueFullError("the queue is full", retry_after=3600.0))
        with self.running(receiver, consumer, timeout=0.5):
            sending = self.sending(send, receiver)
            wait_until(consumer.refused.is_set, self.patience, "consume() was not called")
        with suppress(OSError):  # the connection was closed
            self.answer(sending)

    def test_run_returns_at_once_after_an_early_shutdown(self, receiver: Receiver) -> None:
        receiver.start(Host("contract"))
        self.shut_down(receiver)
        bounded(
            lambda: receiver.run(ListConsumer()), self.patience, "run() does not return, though shutdown() came before"
        )


def require_whole(batch: Batch) -> None:
    """Fail if a batch or its events lack what `Batch` and `Event` promise."""
    __tracebackhide__ = True
    require(batch.id, "a batch needs an id; see `content_id`")
    require(len(batch), "a batch without events was handed over")
    ids = [event.id for event in batch]
    require(all(ids), "an event needs an id: that of its batch, a dash, its position")
    require(len(ids) == len(set(ids)), "two events of a batch have the same id")
    for event in batch:
        _require_whole_event(event)
    try:
        encode_batch(batch)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise AssertionError(f"what was handed over cannot be stored: {error}") from error


def _require_whole_event(event: Event) -> None:
    __tracebackhide__ = True
    require(event.time_unix_nano > 0, "an event needs a time; where its source says none, that of receipt")
    require((event.metric is not None) == (event.signal == "metric"), "`metric` is set for metrics and only for them")
    require((event.span is not None) == (event.signal == "span"), "`span` is set for spans and only for them")
