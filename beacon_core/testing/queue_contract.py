"""The contract of queues, as a class of checks."""

from __future__ import annotations

import random
import string
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeAlias

import pytest

from beacon_core.component import Component, Host
from beacon_core.errors import QueueFullError, QueueUnavailableError
from beacon_core.event import Batch
from beacon_core.queue import Backlog, Entry, Lease, Queue
from beacon_core.testing.component_contract import ComponentContract
from beacon_core.testing.doubles import ManualClock, make_batch
from beacon_core.testing.samples import SAMPLE_VALUES, make_samples
from beacon_core.testing.watching import Call, require

#: Makes a queue that is not started; every call of one test with the same storage.
MakeQueue: TypeAlias = Callable[..., Queue]
#: The same, started.
OpenQueue: TypeAlias = Callable[..., Queue]

_MAX_BYTES = 100_000  # room for one batch of this body or three of a part, whatever a queue adds to it or compresses:
_BODY = "".join(random.Random(1).choices(string.ascii_letters + string.digits + string.punctuation, k=80_000))  # noqa: S311 - no secret
_PART = _BODY[:32_000]
_EXPORTERS = ("file", "splunk")


class QueueContract(ComponentContract):
    """What a queue promises.

    Derive from it in a test module and say how to make one:

        class TestMyQueue(QueueContract):
            durable = True

            @pytest.fixture
            def make_queue(self, tmp_path):
                return lambda **options: MyQueue(MyConfig(path=tmp_path / "queue", **options))

    `make_queue` is required; it returns a queue that is not started and takes the options that every queue has, with
    the meaning that they have for `memory`: `max_bytes`, `when_full`, `dedup_window`, `lease_timeout`. Every call in
    one test is for the same storage, so that a durable queue finds what the one before has left.

    Attributes:
        durable: whether it keeps batches over a restart.
    """

    durable: ClassVar[bool] = False

    @pytest.fixture
    def make_queue(self) -> MakeQueue:
        """What makes a queue that is not started."""
        raise NotImplementedError("override the fixture `make_queue`: return what makes one that is not started")

    @pytest.fixture
    def component(self, make_queue: MakeQueue) -> Component:
        return make_queue()

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The time that queues see."""
        return ManualClock()

    @pytest.fixture
    def open_queue(self, make_queue: MakeQueue, clock: ManualClock) -> Iterator[OpenQueue]:
        """What makes a queue and starts it."""
        opened: list[Queue] = []

        def start(**options: Any) -> Queue:
            queue = make_queue(**options)
            queue.start(Host("queue", clock=clock))
            opened.append(queue)
            return queue

        yield start
        for queue in opened:
            self.shut_down(queue)

    @pytest.fixture
    def queue(self, open_queue: OpenQueue) -> Queue:
        """A queue with its default options, started."""
        return open_queue()

    # ---- putting in ----

    def test_a_batch_comes_out_as_it_went_in(self, queue: Queue) -> None:
        for kind, value in SAMPLE_VALUES.items():
            batch = make_samples(id=kind, value=value)
            _put(queue, batch)
            lease = _take(queue)
            require(repr(lease.events) == repr(batch.events), f"events with {kind} come out changed")
            queue.ack(lease)

    def test_p4_every_exporter_gets_every_event_and_settles_it_alone(self, queue: Queue) -> None:
        _put(queue, make_batch(2), *_EXPORTERS)
        queue.ack(_take(queue, "file"))
        _require_backlog(queue, Backlog(0, 0), "file")
        _require_backlog(queue, Backlog(2, 1), "splunk")
        _require_ids(_take(queue, "splunk"), "test-0", "test-1")

    def test_p4_a_request_that_does_not_fit_stores_nothing(self, open_queue: OpenQueue) -> None:
        queue = open_queue(max_bytes=_MAX_BYTES)
        _put(queue, make_batch(id="small"))
        entries = [Entry(name, make_batch(id=name, body=_BODY), ("file",)) for name in ("a", "b")]
        with pytest.raises(QueueFullError):
            queue.put(entries)
        _require_backlog(queue, Backlog(1, 1))
        require(queue.put(entries[:1]) == [True], "what was refused is taken for a repetition when it is sent again")

    def test_p1_a_request_larger_than_the_queue_is_taken_once_the_queue_is_empty(self, open_queue: OpenQueue) -> None:
        queue = open_queue(max_bytes=_MAX_BYTES)
        _put(queue, make_batch(id="small"))
        large = make_batch(id="large", body=_BODY * 3)
        with pytest.raises(QueueFullError):
            _put(queue, large)
        queue.ack(_take(queue))
        try:
            _put(queue, large)
        except QueueFullError as error:
            raise AssertionError("an empty queue refuses a request: its sender would wait for ever") from error
        _require_ids(_take(queue, max_bytes=1 << 30), "large-0")

    def test_the_oldest_batches_that_nobody_has_leased_can_be_dropped_and_are_counted(
        self, open_queue: OpenQueue
    ) -> None:
        queue = open_queue(max_bytes=_MAX_BYTES, when_full="drop_oldest")
        for name in ("a", "b", "c"):
            _put(queue, make_batch(id=name, body=_PART), *_EXPORTERS)
        first = _take(queue, max_events=1)
        _put(queue, make_batch(id="d", body=_PART), *_EXPORTERS)
        _require_ids(first, "a-0")
        _require_ids(_take(queue), "c-0", "d-0")
        for exporter in _EXPORTERS:
            _require_backlog(queue, Backlog(3, 3), exporter)
            counted = queue.host.counters.reasons("dropped", exporter)
            require(counted == {"queue_full": 1}, f"for each exporter 1 dropped event is to be counted, not {counted}")

    def test_room_comes_back_when_every_exporter_has_settled(self, open_queue: OpenQueue) -> None:
        queue = open_queue(max_bytes=_MAX_BYTES)
        _put(queue, make_batch(id="a", body=_BODY), *_EXPORTERS)
        for exporter in _EXPORTERS:
            with pytest.raises(QueueFullError):
                _put(queue, make_batch(id="b", body=_BODY))
            queue.ack(_take(queue, exporter))
        require(_put(queue, make_batch(id="b", body=_BODY)), "there is room and nothing was stored")

    def test_a_batch_that_was_filtered_empty_is_remembered_and_not_delivered(self, queue: Queue) -> None:
        empty = Batch("empty", ())
        require([_put(queue, empty), _put(queue, empty)] == [True, False], "an empty batch is seen once like any other")
        require(_lease(queue) is None, "an empty batch was leased")

    # ---- repetitions ----

    def test_p5_a_repeated_request_is_stored_once_within_the_window(
        self, open_queue: OpenQueue, clock: ManualClock
    ) -> None:
        queue = open_queue(dedup_window=60)
        require([_put(queue), _put(queue)] == [True, False], "a repeated request has to be told apart")
        _require_backlog(queue, Backlog(1, 1))
        clock.move(61)
        require(_put(queue), "the window is over: it counts as new")

    def test_p5_a_repetition_is_found_after_delivery_too(self, queue: Queue) -> None:
        _put(queue)
        queue.ack(_take(queue))
        require(not _put(queue), "a request that was delivered already was stored again")

    def test_p5_a_clock_that_jumps_back_makes_nothing_look_repeated(
        self, open_queue: OpenQueue, clock: ManualClock
    ) -> None:
        queue = open_queue(dedup_window=60)
        _put(queue)
        clock.move(-3600)
        require(_put(queue), "a time in the future is outside of the window")

    # ---- leasing ----

    def test_batches_come_out_in_the_order_of_acceptance_within_the_limit_of_events(self, queue: Queue) -> None:
        for name in ("a", "b", "c"):
            _put(queue, make_batch(2, id=name))
        _require_ids(_take(queue, max_events=5), "a-0", "a-1", "b-0", "b-1")
        _require_ids(_take(queue, max_events=1), "c-0", "c-1")  # one batch always, however small the limit
        require(_lease(queue) is None, "a batch was leased twice")

    def test_a_strict_lease_takes_nothing_that_is_over_the_limit(self, queue: Queue) -> None:
        _put(queue, make_batch(3))
        require(_lease(queue, max_events=2, strict=True) is None, "a strict lease holds more than its limit")
        require(_lease(queue, max_events=3, strict=True), "a strict lease left out what is within its limit")

    def test_the_limit_of_bytes_counts_what_is_stored(self, queue: Queue) -> None:
        for name in ("a", "b", "c"):
            _put(queue, make_batch(id=name))
        first = _take(queue, max_events=1)
        size = first.batches[0].size
        queue.nack(first)
        _require_ids(_take(queue, max_bytes=size * 5 // 2), "a-0", "b-0")

    def test_a_leased_batch_is_given_to_nobody_else(self, queue: Queue) -> None:
        _put(queue, make_batch(id="a"))
        _put(queue, make_batch(id="b"))
        first = _take(queue, max_events=1)
        _require_ids(_take(queue), "b-0")
        _require_ids(first, "a-0")
        require(_lease(queue) is None, "a batch was leased twice")

    def test_an_expired_lease_is_given_to_the_next_and_settles_nothing_any_more(self, open_queue: OpenQueue) -> None:
        queue = open_queue(lease_timeout=0.02)
        _put(queue, make_batch(2))
        first = _take(queue)
        time.sleep(0.03)
        second = _take(queue)
        _require_ids(second, "test-0", "test-1")
        require(queue.ack(first) == 0, "a lease that has expired settled something")
        _require_backlog(queue, Backlog(2, 1))

    def test_a_batch_that_is_given_back_comes_first_again_with_one_more_attempt(
        self, queue: Queue, clock: ManualClock
    ) -> None:
        for name in ("a", "b"):
            _put(queue, make_batch(id=name))
        began = clock.now
        for attempts in range(3):
            lease = _take(queue, max_events=1)
            _require_ids(lease, "a-0")
            batch = lease.batches[0]
            require(batch.attempts == attempts, "nack() has to count one attempt")
            require(batch.first_attempt == (began if attempts else 0), "`first_attempt` is when the first one failed")
            queue.nack(lease)
            clock.move(1)
            require(not lease.batches, "a lease that was given back still holds batches")

    def test_a_waiting_lease_gets_what_is_put_meanwhile(self, queue: Queue) -> None:
        waiting = Call(lambda: _lease(queue, timeout=3600))
        require(waiting.result_within(0.05) is None, "something was leased from an empty queue")
        _put(queue)
        _require_ids(waiting.result(self.patience, "a lease that waits does not get what is put"), "test-0")

    def test_stop_waiting_ends_a_lease_that_waits_and_every_later_one(self, queue: Queue) -> None:
        waiting = Call(lambda: _lease(queue, timeout=3600))
        waiting.result_within(0.05)
        queue.stop_waiting()
        require(waiting.result(self.patience, "stop_waiting() does not end a lease that waits") is None, "not empty")
        later = Call(lambda: _lease(queue, timeout=3600))
        require(later.result(self.patience, "after stop_waiting() a lease still waits") is None, "not empty")

    def test_what_is_stored_is_leased_after_stop_waiting_too(self, queue: Queue) -> None:
        _put(queue)
        queue.stop_waiting()
        _require_ids(_take(queue), "test-0")

    # ---- settling ----

    def test_part_of_a_batch_can_be_acknowledged(self, queue: Queue) -> None:
        _put(queue, make_batch(4))
        lease = _take(queue)
        queue.ack(lease, {"test-0", "test-2"})
        _require_ids(lease, "test-1", "test-3")
        _require_backlog(queue, Backlog(2, 1))
        queue.nack(lease)
        _require_ids(_take(queue), "test-1", "test-3")

    def test_settling_says_how_many_events_it_has_settled(self, queue: Queue) -> None:
        _put(queue, make_batch(5))
        lease = _take(queue)
        counts = [queue.ack(lease, {"test-0", "test-1"}), queue.dead_letter(lease, {"test-2": "too large"})]
        counts += [queue.ack(lease), queue.ack(lease)]
        require(counts == [2, 1, 2, 0], f"ack() and dead_letter() return {counts} for 2, 1, 2 and 0 events")

    def test_an_acknowledged_batch_is_gone(self, queue: Queue) -> None:
        _put(queue)
        lease = _take(queue)
        queue.ack(lease)
        queue.nack(lease)
        _require_backlog(queue, Backlog(0, 0))
        require(_lease(queue) is None, "a batch that was acknowledged is leased again")

    def test_a_dead_letter_leaves_the_queue(self, queue: Queue) -> None:
        _put(queue, make_batch(2))
        lease = _take(queue)
        queue.dead_letter(lease, {"test-1": "too large"})
        _require_ids(lease, "test-0")
        _require_backlog(queue, Backlog(1, 1))
        queue.nack(lease)
        _require_ids(_take(queue), "test-0")

    # ---- threads ----

    def test_p4_what_threads_put_at_the_same_time_is_stored_once(self, queue: Queue) -> None:
        meetings = [threading.Barrier(2) for _ in range(4)]

        def put(thread: int, number: int) -> bool:  # two threads put the same, as nearly at once as can be
            meetings[thread % 4].wait(self.patience)
            return _put(queue, make_batch(2, id=f"{thread % 4}.{number}"))

        def work(thread: int) -> list[bool]:
            return [put(thread, number) for number in range(50)]

        calls = [Call(lambda thread=thread: work(thread)) for thread in range(8)]  # type: ignore[misc]
        stored = [each for call in calls for each in call.result(self.patience, "put() does not return")]
        require(sum(stored) == 200, f"{sum(stored)} of 200 different requests were stored")  # noqa: PLR2004
        _require_backlog(queue, Backlog(400, 200))

    def test_p4_threads_that_lease_at_the_same_time_share_no_event(self, queue: Queue) -> None:
        expected = [f"{name:03}-0" for name in range(100)]
        for name in range(100):
            _put(queue, make_batch(id=f"{name:03}"))

        def work() -> list[str]:
            seen: list[str] = []
            deadline = time.monotonic() + self.patience
            while queue.backlogs()["file"].batches and time.monotonic() < deadline:
                lease = _lease(queue, max_events=3)
                if lease is not None:
                    seen += [event.id for event in lease.events]
                    queue.ack(lease)
            return seen

        calls = [Call(work) for _ in range(4)]
        seen = [each for call in calls for each in call.result(self.patience, "what was put is not leased")]
        require(sorted(seen) == expected, "an event was leased twice, or never")

    # ---- the end ----

    def test_a_queue_that_is_shut_down_refuses(self, queue: Queue) -> None:
        self.shut_down(queue)
        with pytest.raises(QueueUnavailableError):
            _put(queue)

    def test_p3_what_is_not_settled_survives_a_restart_and_nothing_else(self, open_queue: OpenQueue) -> None:
        queue = self.filled(open_queue)
        queue.ack(_take(queue), {"a-0", "a-1", "b-1"})
        self.shut_down(queue)
        queue = open_queue()
        _require_backlog(queue, Backlog(3, 2), "file")
        _require_backlog(queue, Backlog(6, 3), "splunk")
        _require_ids(_take(queue), "b-0", "c-0", "c-1")

    def test_a_dead_letter_stays_dead_after_a_restart(self, open_queue: OpenQueue) -> None:
        queue = self.filled(open_queue)
        queue.dead_letter(_take(queue), dict.fromkeys(("a-0", "c-1"), "because"))
        self.shut_down(queue)
        _require_ids(_take(open_queue()), "a-1", "b-0", "b-1", "c-0")

    def test_p5_the_window_survives_a_restart(self, open_queue: OpenQueue) -> None:
        self.shut_down(self.filled(open_queue))
        require(not _put(open_queue(), make_batch(2, id="a")), "after a restart a repetition was taken for new")

    def filled(self, open_queue: OpenQueue) -> Queue:
        """Return a durable queue with three batches for two exporters; skip if it is none."""
        if not self.durable:
            pytest.skip("`durable` is False")
        queue = open_queue()
        for name in ("a", "b", "c"):
            _put(queue, make_batch(2, id=name), *_EXPORTERS)
        return queue


def _put(queue: Queue, batch: Batch | None = None, *exporters: str) -> bool:
    batch = make_batch() if batch is None else batch
    return queue.put([Entry(batch.id, batch, exporters or ("file",))])[0]


def _lease(
    queue: Queue,
    exporter: str = "file",
    *,
    max_events: int = 1000,
    max_bytes: int = 1 << 20,
    timeout: float = 0,
    strict: bool = False,
) -> Lease | None:
    return queue.lease(exporter, max_events=max_events, max_bytes=max_bytes, timeout=timeout, strict=strict)


def _take(queue: Queue, exporter: str = "file", *, max_events: int = 1000, max_bytes: int = 1 << 20) -> Lease:
    __tracebackhide__ = True
    lease = _lease(queue, exporter, max_events=max_events, max_bytes=max_bytes)
    if lease is None:
        raise AssertionError(f"nothing was leased for {exporter}, though something waits")
    return lease


def _require_ids(lease: Lease | None, *expected: str) -> None:
    __tracebackhide__ = True
    found = tuple(event.id for event in lease.events) if lease else ()
    require(found == expected, f"leased {found}, expected {expected}")


def _require_backlog(queue: Queue, expected: Backlog, exporter: str = "file") -> None:
    __tracebackhide__ = True
    found = queue.backlogs().get(exporter, Backlog())
    require(found == expected, f"waiting for {exporter}: {found}, expected {expected}")
