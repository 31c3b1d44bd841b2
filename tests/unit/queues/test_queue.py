"""What both queues promise; the durable one also over restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beacon_core import Backlog, Batch, Counters, Entry, Host, Lease, Queue, QueueFullError, QueueUnavailableError
from beacon_core.queues.sqlite import MemoryQueue, SqliteQueue
from beacon_core.testing import make_batch

QueueMaker = Callable[..., Queue]


class Clock:
    """A clock that stands still until it is told the time."""

    def __init__(self) -> None:
        self.now = 1_795_145_112_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "memory"])
def make_queue(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[QueueMaker]:
    opened: list[Queue] = []

    def make(**options: object) -> Queue:
        queue: Queue
        if request.param == "sqlite":
            queue = SqliteQueue(SqliteQueue.config_class(path=tmp_path / "queue.db", **options))
        else:
            queue = MemoryQueue(MemoryQueue.config_class(**options))
        queue.start(Host("queue", clock=clock))
        opened.append(queue)
        return queue

    yield make
    for queue in opened:
        queue.shutdown(1)


def put(queue: Queue, batch: Batch, *exporters: str) -> bool:
    return queue.put([Entry(batch.id, batch, exporters or ("file",))])[0]


def take(queue: Queue, exporter: str = "file", events: int = 1000, size: int = 1 << 20) -> Lease | None:
    return queue.lease(exporter, max_events=events, max_bytes=size, timeout=0)


def ids(lease: Lease | None) -> list[str]:
    return [event.id for event in lease.events] if lease else []


def test_a_batch_comes_out_as_it_went_in(make_queue: QueueMaker) -> None:
    queue, batch = make_queue(), make_batch(3)
    put(queue, batch)
    lease = take(queue)
    assert lease is not None
    assert lease.events == batch.events


def test_batches_come_out_in_the_order_of_acceptance_within_the_limits(make_queue: QueueMaker) -> None:
    queue = make_queue()
    for name in ("a", "b", "c"):
        put(queue, make_batch(2, id=name))
    assert ids(take(queue, events=5)) == ["a-0", "a-1", "b-0", "b-1"]
    assert ids(take(queue, events=1)) == ["c-0", "c-1"]  # one batch always, however small the limit
    assert take(queue) is None


def test_a_strict_lease_takes_nothing_that_is_over_the_limit(make_queue: QueueMaker) -> None:
    queue = make_queue()
    put(queue, make_batch(3, id="a"))
    assert queue.lease("file", max_events=2, max_bytes=1 << 20, timeout=0, strict=True) is None
    assert queue.lease("file", max_events=3, max_bytes=1 << 20, timeout=0, strict=True) is not None


def test_the_byte_limit_counts_what_is_stored(make_queue: QueueMaker) -> None:
    queue = make_queue()
    for name in ("a", "b", "c"):
        put(queue, make_batch(1, id=name, body="x" * 1000))
    assert ids(take(queue, size=2500)) == ["a-0", "b-0"]


def test_a_leased_batch_is_not_given_out_twice_until_it_is_given_back(make_queue: QueueMaker) -> None:
    queue = make_queue()
    put(queue, make_batch(1, id="a"))
    put(queue, make_batch(1, id="b"))
    first = take(queue, events=1)
    assert first is not None
    second = take(queue)
    assert (ids(first), ids(second)) == (["a-0"], ["b-0"])
    queue.nack(first)
    again = take(queue)
    assert ids(again) == ["a-0"]
    assert again is not None
    assert again.batches[0].attempts == 1


def test_p4_every_exporter_gets_every_event_and_settles_it_alone(make_queue: QueueMaker) -> None:
    queue = make_queue()
    put(queue, make_batch(2), "file", "splunk")
    lease = take(queue, "file")
    assert lease is not None
    queue.ack(lease)
    assert queue.backlogs() == {"file": Backlog(0, 0), "splunk": Backlog(2, 1)}
    assert len(ids(take(queue, "splunk"))) == 2


def test_part_of_a_batch_can_be_acknowledged(make_queue: QueueMaker) -> None:
    queue = make_queue()
    put(queue, make_batch(4))
    lease = take(queue)
    assert lease is not None
    queue.ack(lease, {"test-0", "test-2"})
    assert ids(lease) == ["test-1", "test-3"]
    assert queue.backlogs()["file"] == Backlog(2, 1)
    queue.nack(lease)
    assert ids(take(queue)) == ["test-1", "test-3"]


def test_a_dead_letter_leaves_the_queue(make_queue: QueueMaker) -> None:
    queue = make_queue()
    put(queue, make_batch(2))
    lease = take(queue)
    assert lease is not None
    queue.dead_letter(lease, {"test-1": "too large"})
    assert queue.backlogs()["file"] == Backlog(1, 1)
    queue.ack(lease)
    assert queue.backlogs()["file"] == Backlog(0, 0)


def test_p5_a_repeated_request_is_stored_once_within_the_dedup_window(make_queue: QueueMaker, clock: Clock) -> None:
    queue = make_queue(dedup_window=60)
    assert put(queue, make_batch(1)) is True
    assert put(queue, make_batch(1)) is False
    assert queue.backlogs()["file"].events == 1
    clock.now += 61_000_000_000
    assert put(queue, make_batch(1)) is True


def test_p5_repetition_is_found_after_delivery_too(make_queue: QueueMaker) -> None:
    queue = make_queue()
    put(queue, make_batch(1))
    lease = take(queue)
    assert lease is not None
    queue.ack(lease)
    assert put(queue, make_batch(1)) is False


def test_a_clock_that_jumps_back_does_not_make_everything_look_repeated(make_queue: QueueMaker, clock: Clock) -> None:
    queue = make_queue(dedup_window=60)
    put(queue, make_batch(1))
    clock.now -= 3_600_000_000_000
    assert put(queue, make_batch(1)) is True


def test_p4_acceptance_is_atomic_a_full_queue_stores_nothing_of_a_request(make_queue: QueueMaker) -> None:
    queue = make_queue(max_bytes=2000)
    put(queue, make_batch(1, id="small"))
    entries = [Entry(n, make_batch(1, id=n, body="x" * 1000), ("file",)) for n in ("a", "b")]
    with pytest.raises(QueueFullError):
        queue.put(entries)
    assert queue.backlogs()["file"].events == 1
    assert queue.put(entries[:1]) == [True]  # it was not remembered as seen either


def test_the_oldest_batches_that_nobody_has_leased_can_be_dropped_and_are_counted(make_queue: QueueMaker) -> None:
    queue = make_queue(max_bytes=3500, when_full="drop_oldest")
    for name in ("a", "b", "c"):
        put(queue, make_batch(1, id=name, body="x" * 1000), "file", "splunk")
    first = take(queue, events=1)
    put(queue, make_batch(1, id="d", body="x" * 1000), "file", "splunk")
    assert queue.host.counters.reasons("dropped", "file") == {"queue_full": 1}
    assert queue.host.counters.reasons("dropped", "splunk") == {"queue_full": 1}
    assert ids(first) == ["a-0"]
    assert ids(take(queue)) == ["c-0", "d-0"]
    assert queue.backlogs()["splunk"] == Backlog(3, 3)
    with pytest.raises(QueueFullError):
        put(queue, make_batch(1, id="e", body="x" * 4000))


def test_an_expired_lease_is_given_to_the_next_and_settles_nothing_any_more(make_queue: QueueMaker) -> None:
    queue = make_queue(lease_timeout=0.01)
    put(queue, make_batch(2))
    first = take(queue)
    assert first is not None
    time.sleep(0.02)
    second = take(queue)
    assert ids(second) == ["test-0", "test-1"]
    assert second is not None
    assert queue.ack(first) == 0
    assert queue.backlogs()["file"].events == 2
    assert queue.ack(second) == 2
    assert queue.backlogs()["file"] == Backlog(0, 0)


def test_room_comes_back_when_every_exporter_has_settled(make_queue: QueueMaker) -> None:
    queue = make_queue(max_bytes=2000)
    put(queue, make_batch(1, id="a", body="x" * 1500), "file", "splunk")
    for exporter in ("file", "splunk"):
        with pytest.raises(QueueFullError):
            put(queue, make_batch(1, id="b", body="x" * 1500))
        lease = take(queue, exporter)
        assert lease is not None
        queue.ack(lease)
    assert put(queue, make_batch(1, id="b", body="x" * 1500)) is True


def test_a_batch_that_was_filtered_empty_is_remembered_and_not_delivered(make_queue: QueueMaker) -> None:
    queue = make_queue()
    empty = Batch("empty", ())
    assert put(queue, empty) is True
    assert put(queue, empty) is False
    assert take(queue) is None


def test_a_waiting_lease_gets_what_is_put_meanwhile(make_queue: QueueMaker) -> None:
    queue = make_queue()
    threading.Timer(0.05, lambda: put(queue, make_batch(1))).start()
    lease = queue.lease("file", max_events=10, max_bytes=1 << 20, timeout=10)
    assert ids(lease) == ["test-0"]


def test_stop_waiting_ends_a_lease_that_waits(make_queue: QueueMaker) -> None:
    queue = make_queue()
    threading.Timer(0.05, queue.stop_waiting).start()
    assert queue.lease("file", max_events=10, max_bytes=1 << 20, timeout=60) is None


def test_concurrent_puts_are_all_stored_once(make_queue: QueueMaker) -> None:
    queue = make_queue()

    def work(thread: int) -> None:
        for n in range(25):
            put(queue, make_batch(2, id=f"{thread}.{n}"))

    threads = [threading.Thread(target=work, args=(t,)) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.backlogs()["file"] == Backlog(400, 200)
    lease = take(queue, events=10_000, size=1 << 30)
    more = take(queue, events=10_000, size=1 << 30)
    seen = ids(lease) + ids(more)
    while len(seen) < 400:
        seen += ids(take(queue, events=10_000, size=1 << 30))
    assert len(set(seen)) == 400


def test_a_queue_that_is_shut_down_refuses(make_queue: QueueMaker) -> None:
    queue = make_queue()
    queue.shutdown(1)
    queue.shutdown(1)
    with pytest.raises(QueueUnavailableError):
        put(queue, make_batch(1))


def test_a_queue_can_be_shut_down_without_having_been_started() -> None:
    MemoryQueue(MemoryQueue.config_class()).shutdown(1)
    SqliteQueue(SqliteQueue.config_class()).shutdown(1)


def test_counters_of_a_host_are_its_own(make_queue: QueueMaker) -> None:
    queue = make_queue()
    assert isinstance(queue.host.counters, Counters)
