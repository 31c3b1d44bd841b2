"""The durable queue's file: restarts, damage, who may use it."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from beacon_core import Backlog, ConfigurationError, Entry, Host, Lease, QueueUnavailableError
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch


def open_queue(path: Path) -> SqliteQueue:
    queue = SqliteQueue(SqliteQueue.config_class(path=path))
    queue.start(Host("queue"))
    return queue


def put(queue: SqliteQueue, *names: str, count: int = 2) -> None:
    for name in names:
        queue.put([Entry(name, make_batch(count, id=name), ("file", "splunk"))])


def take(queue: SqliteQueue, exporter: str = "file") -> Lease | None:
    return queue.lease(exporter, max_events=1000, max_bytes=1 << 20, timeout=0)


def test_p3_what_is_not_settled_is_there_after_a_restart_and_nothing_else(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")
    put(queue, "a", "b", "c")
    lease = take(queue)
    assert lease is not None
    queue.ack(lease, {"a-0", "a-1", "b-1"})
    queue.shutdown(1)
    queue = open_queue(tmp_path / "queue.db")
    assert queue.backlogs() == {"file": Backlog(3, 2), "splunk": Backlog(6, 3)}
    again = take(queue)
    assert again is not None
    assert [event.id for event in again.events] == ["b-0", "c-0", "c-1"]
    assert again.events[0] == make_batch(2, id="b").events[0]
    queue.shutdown(1)


def test_p5_the_dedup_window_survives_a_restart(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")
    put(queue, "a")
    queue.shutdown(1)
    queue = open_queue(tmp_path / "queue.db")
    assert queue.put([Entry("a", make_batch(2, id="a"), ("file",))]) == [False]
    queue.shutdown(1)


def test_the_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "state" / "queue.db")
    put(queue, "a")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "state").iterdir()}
    assert set(modes.values()) == {0o600}
    assert "queue.db-wal" in modes
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    queue.shutdown(1)


def test_the_second_process_on_a_queue_learns_who_holds_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from beacon_core import Host; from beacon_core.queues.sqlite import SqliteQueue\n"
        "q = SqliteQueue(SqliteQueue.config_class(path=pathlib.Path(sys.argv[1]))); q.start(Host('queue'))\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "queue.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigurationError, match=f"in use by process {holder.pid}"):
            open_queue(tmp_path / "queue.db")
        holder.kill()
        holder.wait()
        open_queue(tmp_path / "queue.db").shutdown(1)  # a killed process holds nothing
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


@pytest.mark.parametrize("content", [b"this is no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_p8_a_damaged_file_is_set_aside_and_a_new_one_made(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(content)
    queue = open_queue(path)
    put(queue, "a")
    assert queue.backlogs()["file"].events == 2
    aside = [p for p in tmp_path.iterdir() if ".damaged-" in p.name]
    assert [p.read_bytes() for p in aside] == [content]
    queue.shutdown(1)


def test_p8_somebody_elses_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
        foreign.execute("INSERT INTO theirs VALUES (42)")
    foreign.close()
    open_queue(path).shutdown(1)
    (aside,) = (p for p in tmp_path.iterdir() if ".damaged-" in p.name)
    kept = sqlite3.connect(aside)
    assert kept.execute("SELECT x FROM theirs").fetchall() == [(42,)]
    kept.close()


def test_p8_a_batch_with_a_flipped_bit_is_quarantined_and_the_others_are_delivered(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    queue = open_queue(path)
    put(queue, "a", "b", "c")
    queue.shutdown(1)
    database = sqlite3.connect(path)
    (payload,) = database.execute("SELECT payload FROM batch WHERE seq = 2").fetchone()
    database.execute("UPDATE batch SET payload = ? WHERE seq = 2", (payload.replace(b"event 0", b"event 4"),))
    database.commit()
    database.close()
    queue = open_queue(path)
    lease = take(queue)
    assert lease is not None
    assert [event.id for event in lease.events] == ["a-0", "a-1", "c-0", "c-1"]
    assert queue.host.counters.reasons("dropped", "file") == {"damaged": 2}
    queue.ack(lease)
    assert queue.backlogs()["file"] == Backlog(0, 0)
    assert take(queue, "splunk") is not None
    assert queue.host.counters.reasons("dropped", "splunk") == {"damaged": 2}
    queue.shutdown(1)
    database = sqlite3.connect(path)
    assert database.execute("SELECT seq, reason FROM quarantine").fetchall() == [(2, "checksum does not match")]
    database.close()


def test_a_queue_in_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be opened.*service\.queue\.path"):
        open_queue(tmp_path / "file" / "queue.db")


def test_a_failed_transaction_stores_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")
    put(queue, "a")
    other = sqlite3.connect(tmp_path / "queue.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # holds the write lock, as a backup program might
    assert queue._commits is not None
    queue._commits._connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(QueueUnavailableError, match="cannot store now"):
        put(queue, "b")
    other.execute("ROLLBACK")
    other.close()
    assert queue.backlogs()["file"] == Backlog(2, 1)
    put(queue, "b")
    assert queue.backlogs()["file"] == Backlog(4, 2)
    queue.shutdown(1)


def test_the_default_path_is_in_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    queue = SqliteQueue(SqliteQueue.config_class())
    queue.start(Host("queue"))
    queue.shutdown(1)
    if sys.platform == "linux":
        assert (tmp_path / "beacon" / "queue.db").exists()


def test_the_file_shrinks_while_it_is_used_once_what_it_held_is_delivered(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    queue = open_queue(path)
    for number in range(60):
        name = f"b{number}"
        queue.put([Entry(name, make_batch(10, id=name, body="x" * 50_000), ("file",))])
    lease = queue.lease("file", max_events=10_000, max_bytes=1 << 30, timeout=0)
    assert lease is not None
    assert queue._commits is not None
    full = queue._commits.read(lambda c: c.execute("PRAGMA page_count").fetchone())[0]
    for event in lease.events:
        queue.ack(lease, {event.id})
    left = queue._commits.read(lambda c: c.execute("PRAGMA page_count").fetchone())[0]
    assert left < full * 0.7
    queue.shutdown(1)
    assert path.stat().st_size == left * 16384


def test_p1_what_is_put_is_synced_though_what_was_delivered_need_not_be(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")

    def is_synced() -> bool:
        def query(connection: sqlite3.Connection) -> bool:
            return connection.execute("PRAGMA synchronous").fetchone() == (2,)

        return queue._open_commits.read(query)

    for name in "ab":
        put(queue, name)
        assert is_synced()
        lease = take(queue)
        assert lease is not None
        queue.ack(lease)
        assert not is_synced()
    put(queue, "c")
    lease = take(queue)
    assert lease is not None
    queue.dead_letter(lease, {"c-0": "refused"})
    assert is_synced()
    queue.ack(lease)
    with pytest.raises(QueueUnavailableError):
        queue._open_commits.run(lambda connection: connection.execute("COMMIT NONSENSE").fetchone)
    put(queue, "d")  # by another connection: the file was taken for a damaged one
    assert is_synced()
    assert queue.backlogs()["file"] == Backlog(2, 1)
    queue.shutdown(1)
