"""What the queue keeps of the newest batches: the same events without reading them, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon_core import Entry, Queue
from beacon_core.queues.sqlite import SqliteQueue, SqliteQueueConfig
from beacon_core.queues.sqlite.recent import Recent
from beacon_core.testing import make_batch

EVENTS = make_batch(2).events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def opened(path: Path) -> SqliteQueue:
    queue = SqliteQueue(SqliteQueueConfig(path=path))
    queue.start(queue.host)
    return queue


def taken(queue: Queue, exporter: str) -> list[str]:
    lease = queue.lease(exporter, max_events=1000, max_bytes=1 << 30, timeout=0)
    return [event.id for event in lease.events] if lease else []


def test_a_worker_gets_the_same_events_from_memory_as_from_the_file(path: Path) -> None:
    queue = opened(path)
    batch = make_batch(3)
    queue.put([Entry("key", batch, ("a", "b"))])
    lease = queue.lease("a", max_events=10, max_bytes=1 << 20, timeout=0)
    assert lease is not None
    queue.shutdown(1)
    queue = opened(path)
    again = queue.lease("a", max_events=10, max_bytes=1 << 20, timeout=0)
    assert again is not None
    assert again.events == lease.events == batch.events
    assert again.batches[0].size == lease.batches[0].size
    queue.shutdown(1)


def test_what_one_exporter_has_settled_in_part_another_still_gets_whole(path: Path) -> None:
    queue = opened(path)
    ids = [event.id for event in EVENTS]
    queue.put([Entry("key", make_batch(2), ("a", "b"))])
    lease = queue.lease("a", max_events=10, max_bytes=1 << 20, timeout=0)
    assert lease is not None
    queue.ack(lease, ids[:1])
    queue.nack(lease)
    assert taken(queue, "a") == ids[1:]
    assert taken(queue, "b") == ids
    queue.shutdown(1)


def test_batches_that_are_no_longer_in_memory_are_read_in_order_with_those_that_are(path: Path) -> None:
    queue = opened(path)
    queue._recent = Recent(limit=1000)
    batches = [make_batch(2, id=f"{number:032x}") for number in range(20)]
    for batch in batches:
        queue.put([Entry(batch.id, batch, ("a",))])
    assert 0 < len(queue._recent._batches) < 20
    assert taken(queue, "a") == [event.id for batch in batches for event in batch]
    queue.shutdown(1)


def test_memory_is_bounded_by_the_bytes_of_the_batches() -> None:
    recent = Recent(limit=100)
    for seq in range(1, 6):
        recent.add(seq, 40, EVENTS)
    assert (recent.first, recent.get(3), recent.get(5)) == (4, None, (40, EVENTS))
    recent.add(6, 101, EVENTS)
    assert recent.get(6) is None


def test_what_is_settled_is_not_kept(path: Path) -> None:
    queue = opened(path)
    queue.put([Entry("key", make_batch(2), ("a",))])
    lease = queue.lease("a", max_events=10, max_bytes=1 << 20, timeout=0)
    assert lease is not None
    queue.ack(lease)
    assert not queue._recent._batches
    queue.shutdown(1)
