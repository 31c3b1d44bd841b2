"""The queues of several processes that run one pipeline: a file each, and one look at what all of them have seen.

Each process has its own file, so that they do not wait for each other's data to be written; but a client may send a
request again over another connection, which leads to another process (promise P5). So before a batch is stored, its
key is looked for in the files of the others, too, and a lock that all of them share lets only one commit at a time:
between looking and storing nobody else stores the same.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from beacon_core.queues.sqlite import tables
from beacon_core.queues.sqlite.commits import FILE_ERRORS
from beacon_core.queues.sqlite.database import open_database, replace_database
from beacon_core.queues.sqlite.lock import FileLock, lock_and_wait, unlock


def path_of(path: Path, worker: int) -> Path:
    """Return the file of one of the processes: the first has the one that is configured."""
    return path if worker == 1 else path.with_name(f"{path.stem}.worker-{worker}{path.suffix}")


class Siblings:
    """What one process knows of the other ones' queues; with the lead of the queue's `GroupCommit`.

    Args:
        path: the configured file.
        worker: which process this is, from 1.
        workers: how many there are.
    """

    def __init__(self, path: Path, worker: int, workers: int) -> None:
        self._paths = [path_of(path, number) for number in range(1, workers + 1) if number != worker]
        self._open: dict[Path, tuple[int, sqlite3.Connection]] = {}
        self._descriptor = os.open(path.with_name(path.name + ".commit-lock"), os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process commit meanwhile; the operating system ends that, too, when this process ends."""
        lock_and_wait(self._descriptor)
        try:
            yield
        finally:
            unlock(self._descriptor)

    def seen(self, keys: Iterable[str], now: int, window: int) -> set[str]:
        """Return those keys that another process has stored within the dedup window."""
        keys = list(keys)
        found: set[str] = set()
        for path in self._paths:
            with suppress(OSError, *FILE_ERRORS):  # not there yet, or damaged: its own process says so
                found |= tables.seen(self._connection(path), keys, now, window)
        return found

    def close(self) -> None:
        """Close what is open."""
        for _, connection in self._open.values():
            connection.close()
        self._open.clear()
        os.close(self._descriptor)

    def _connection(self, path: Path) -> sqlite3.Connection:
        inode = path.stat().st_ino
        known = self._open.get(path)
        if known is not None:
            if known[0] == inode:
                return known[1]
            known[1].close()  # the file was replaced
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False, timeout=1.0
        )
        self._open[path] = (inode, connection)
        connection.execute("PRAGMA query_only = ON")
        return connection


def adopt_orphans(path: Path, workers: int, into: sqlite3.Connection) -> list[Path]:
    """Take over what the files of processes hold that there are no more; return those files, which are gone then.

    Args:
        path: the configured file.
        workers: how many processes there are now.
        into: the connection to that file, in autocommit mode.

    Raises:
        ConfigurationError: another run has such a file.
        OSError, sqlite3.Error: reading or writing failed; nothing was taken.
    """
    adopted = []
    for orphan in sorted(path.parent.glob(f"{path.stem}.worker-*{path.suffix}")):
        number = orphan.name.removeprefix(f"{path.stem}.worker-").removesuffix(path.suffix)
        if number.isdigit() and int(number) > workers:
            lock = FileLock(orphan)
            try:
                open_database(orphan).connection.close()  # of a damaged one, what can be read
                try:
                    _copy(orphan, into)
                except FILE_ERRORS as error:
                    if not tables.is_damage(error):
                        raise
                    replace_database(orphan).connection.close()
                    _copy(orphan, into)
                for suffix in ("", "-wal", "-shm"):
                    orphan.with_name(orphan.name + suffix).unlink(missing_ok=True)
            finally:
                lock.release()
            adopted.append(orphan)
    return adopted


_COPY = """
INSERT INTO main.batch SELECT seq + :last, payload, crc FROM orphan.batch;
INSERT INTO main.delivery
    SELECT exporter, seq + :last, events, remaining, attempts, first_attempt FROM orphan.delivery;
INSERT OR IGNORE INTO main.seen SELECT key, time FROM orphan.seen;
INSERT INTO main.dead_letter (exporter, event, reason, attempts, first_time, last_time)
    SELECT exporter, event, reason, attempts, first_time, last_time FROM orphan.dead_letter ORDER BY id;
INSERT INTO main.quarantine SELECT seq + :last, payload, reason FROM orphan.quarantine;
"""


def _copy(orphan: Path, into: sqlite3.Connection) -> None:
    into.execute("ATTACH DATABASE ? AS orphan", (str(orphan),))
    try:
        into.execute("BEGIN IMMEDIATE")
        row = into.execute("SELECT seq FROM main.sqlite_sequence WHERE name = 'batch'").fetchone()
        for statement in _COPY.strip().split(";")[:-1]:
            into.execute(statement, {"last": row[0] if row else 0})
        into.execute("COMMIT")
    finally:
        if into.in_transaction:
            into.execute("ROLLBACK")
        into.execute("DETACH DATABASE orphan")
