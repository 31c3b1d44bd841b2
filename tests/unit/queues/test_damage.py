"""Damage to the queue's file: it starts, delivers what can be read, and keeps the rest beside it (promise P8)."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from beacon_core import Backlog, ConfigurationError, Entry, Host, QueueUnavailableError
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch

T = TypeVar("T")

BATCHES = 40
PAGE = 16384


def open_queue(path: Path) -> SqliteQueue:
    queue = SqliteQueue(SqliteQueue.config_class(path=path))
    queue.start(Host("queue"))
    return queue


def fill(path: Path, *, clean: bool = True) -> None:
    """Fill a queue and close it; without `clean` its write-ahead log stays, as after a kill."""
    queue = open_queue(path)
    for number in range(BATCHES):
        name = f"b{number:03}"
        queue.put([Entry(name, make_batch(3, id=name, body="x" * 9000), ("file", "splunk"))])
    if clean:
        queue.shutdown(1)
    else:
        copies = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", "-wal")}
        queue.shutdown(1)
        for suffix, content in copies.items():
            path.with_name(path.name + suffix).write_bytes(content)


def trying(work: Callable[[], T]) -> T:
    """Do what receivers and workers do when the queue is unavailable for a moment: try again."""
    try:
        return work()
    except QueueUnavailableError:
        return work()


def deliver(queue: SqliteQueue, exporter: str = "file") -> list[str]:
    """Take everything out as a worker does; whole events only."""
    ids: list[str] = []
    for _ in range(1000):
        lease = trying(lambda: queue.lease(exporter, max_events=7, max_bytes=1 << 20, timeout=0))
        if lease is None:
            if queue.backlogs()[exporter].batches == 0:
                return ids
            continue
        assert all(event.body == "x" * 9000 for event in lease.events)
        leased = [event.id for event in lease.events]
        assert trying(partial(queue.ack, lease)) == len(leased)
        ids += leased
    raise AssertionError(f"there is no end: {queue.backlogs()}")


def check(path: Path, at_least: int = 0, *, exact: bool = True) -> None:
    """Open, deliver, accept: with `exact` every batch that the file knew of is delivered or counted as lost."""
    queue = open_queue(path)
    try:
        found = deliver(queue) if "file" in queue.backlogs() else []
        assert len(set(found)) == len(found)
        assert len(found) >= at_least
        dropped = queue.host.counters.get("dropped", "file")
        if exact and not queue.host.counters.get("damaged_files", "queue"):
            assert len(found) + dropped == BATCHES * 3
        entry = Entry("new", make_batch(1, id="new", body="x" * 9000), ("file",))
        assert trying(lambda: queue.put([entry])) == [True]
        assert deliver(queue)[-1:] == ["new-0"]
    finally:
        queue.shutdown(1)


@pytest.mark.parametrize("seed", range(30))
def test_p8_flipped_bytes_cost_only_what_they_hit(tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "queue.db", random.Random(seed)
    fill(path)
    data = bytearray(path.read_bytes())
    for _ in range(8):
        data[chance.randrange(100, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    check(path)


@pytest.mark.parametrize("seed", range(60))
def test_p8_damage_to_the_schema_page_never_keeps_it_from_starting(tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "queue.db", random.Random(seed)
    queue = open_queue(path)
    queue.put([Entry("a", make_batch(1, id="a", body="x" * 9000), ("file",))])
    queue.shutdown(1)
    data = bytearray(path.read_bytes())
    places = [place for place in range(PAGE) if data[place]]
    for place in chance.sample(places, 6):
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    check(path, exact=False)


@pytest.mark.parametrize("page", range(1, 12))
def test_p8_a_page_of_zeros_costs_only_what_it_held(tmp_path: Path, page: int) -> None:
    path = tmp_path / "queue.db"
    fill(path)
    data = bytearray(path.read_bytes())
    data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    path.write_bytes(data)
    check(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_p8_a_truncated_file_delivers_what_is_left(tmp_path: Path, share: float) -> None:
    path = tmp_path / "queue.db"
    fill(path)
    os.truncate(path, int(path.stat().st_size * share))
    check(path, exact=False)


@pytest.mark.parametrize("seed", range(10))
def test_p8_a_damaged_write_ahead_log_costs_only_what_was_not_yet_in_the_file(tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "queue.db", random.Random(seed)
    fill(path, clean=False)
    wal = path.with_name("queue.db-wal")
    data = bytearray(wal.read_bytes())
    if seed % 2:
        data = data[: chance.randrange(len(data))]
    else:
        data[chance.randrange(len(data))] ^= 255
    wal.write_bytes(data)
    check(path, exact=False)


def test_p8_the_damaged_file_is_kept_and_most_of_it_is_delivered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "queue.db"
    fill(path)
    database = sqlite3.connect(path)
    (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'seen'").fetchone()
    database.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * PAGE : root * PAGE] = b"\xff" * PAGE
    path.write_bytes(data)
    check(path, at_least=BATCHES * 3)  # only the memory of repeated requests was hit


def test_p8_a_damaged_delivery_table_is_salvaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "queue.db"
    fill(path)
    database = sqlite3.connect(path)
    (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'dead_letter'").fetchone()
    database.execute("PRAGMA writable_schema = ON")
    database.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE dead_letter (x' WHERE name = 'dead_letter'")
    database.commit()
    database.close()
    assert root
    queue = open_queue(path)
    assert "could be read" in caplog.text or "damaged" in caplog.text
    queue.shutdown(1)
    assert [p for p in tmp_path.iterdir() if ".damaged-" in p.name]


def test_a_full_disk_refuses_and_goes_on_by_itself_when_there_is_room(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")
    assert queue._commits is not None
    limit = queue._commits.read(lambda c: c.execute("PRAGMA page_count").fetchone())[0] + 8
    queue._commits.read(lambda c: c.execute(f"PRAGMA max_page_count = {limit}").fetchone())
    stored = 0

    def put() -> None:
        name = str(stored)
        queue.put([Entry(name, make_batch(3, id=name, body="x" * 9000), ("file",))])

    with pytest.raises(QueueUnavailableError, match="full"):  # noqa: PT012 - somewhere on the way
        while stored < 1000:
            put()
            stored += 1
    assert stored > 0
    assert queue.backlogs()["file"] == Backlog(stored * 3, stored)
    lease = queue.lease("file", max_events=3, max_bytes=1 << 20, timeout=0)
    assert lease is not None
    assert queue.ack(lease) == 3  # delivering goes on
    queue._commits.read(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert queue.put([Entry("again", make_batch(1, id="again", body="x" * 9000), ("file",))]) == [True]
    assert len(deliver(queue)) == (stored - 1) * 3 + 1
    queue.shutdown(1)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match=r"cannot be opened.*service\.queue\.path"):
        open_queue(tmp_path / "locked" / "queue.db")


@pytest.mark.parametrize("what", ["file", "directory", "replaced"])
def test_a_queue_that_vanishes_is_written_anew_with_everything_that_was_in_it(tmp_path: Path, what: str) -> None:
    path = tmp_path / "state" / "queue.db"
    queue = open_queue(path)
    queue.put([Entry("a", make_batch(2, id="a", body="x" * 9000), ("file",))])
    lease = queue.lease("file", max_events=1, max_bytes=1, timeout=0)
    if what == "directory":
        shutil.rmtree(path.parent)
    else:
        path.unlink()
    if what == "replaced":
        path.write_bytes(b"something else")
    with pytest.raises(QueueUnavailableError, match="vanished"):
        queue.put([Entry("b", make_batch(2, id="b", body="x" * 9000), ("file",))])
    assert queue.put([Entry("b", make_batch(2, id="b", body="x" * 9000), ("file",))]) == [True]
    assert lease is not None
    assert queue.ack(lease) == 2
    queue._commits._connection.close()  # type: ignore[union-attr] - as a kill would
    queue._lock.release()
    again = open_queue(path)
    assert deliver(again) == ["b-0", "b-1"]
    again.shutdown(1)
