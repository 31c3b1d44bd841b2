"""The queue's file: opening it, its tables, setting a damaged one aside."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from beacon_core.queues.sqlite import tables
from beacon_core.queues.sqlite.commits import FILE_ERRORS
from beacon_core.queues.sqlite.salvage import salvage

#: `PRAGMA application_id`: "Becn". Tells our files from anyone else's.
APPLICATION_ID = 0x4265636E
#: `PRAGMA user_version`: raised when the tables change.
SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE batch (              -- what was accepted, one row a batch, in the order of acceptance
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    payload BLOB NOT NULL,        -- encode_batch()
    crc INTEGER NOT NULL          -- CRC-32 of the payload: SQLite itself does not notice a flipped bit
);
CREATE TABLE delivery (           -- who still has to deliver it; a batch goes with its last row here
    exporter TEXT NOT NULL,
    seq INTEGER NOT NULL,
    events INTEGER NOT NULL,      -- how many of its events are not settled
    remaining TEXT,               -- their ids as a JSON list, NULL for all
    attempts INTEGER NOT NULL DEFAULT 0,
    first_attempt INTEGER NOT NULL DEFAULT 0,  -- Unix nanoseconds, 0 for none
    PRIMARY KEY (exporter, seq)
) WITHOUT ROWID;
CREATE TABLE seen (               -- keys of the dedup window
    key TEXT PRIMARY KEY,
    time INTEGER NOT NULL         -- Unix nanoseconds
) WITHOUT ROWID;
CREATE INDEX seen_time ON seen (time);
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY,
    exporter TEXT NOT NULL,
    event TEXT NOT NULL,          -- encode_lines()
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    first_time INTEGER NOT NULL,  -- of the first and the last attempt, Unix nanoseconds
    last_time INTEGER NOT NULL
);
CREATE TABLE quarantine (         -- batches that cannot be read any more
    seq INTEGER PRIMARY KEY,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """The queue's file, ready for use.

    Attributes:
        connection: to it.
        aside: where a damaged or foreign file was put, None if there was none.
        recovered: how many batches of that file could be read and are in the new one.
    """

    connection: sqlite3.Connection
    aside: Path | None = None
    recovered: int = 0


def open_database(path: Path) -> Opened:
    """Open or make the queue's file; of one that is damaged what can be read is taken over (promise P8).

    Raises:
        OSError, sqlite3.Error: the folder is missing, read-only, or the disk is full.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _create_private(path)
    try:
        return Opened(_prepare(path))
    except FILE_ERRORS as error:
        if not tables.is_damage(error):
            raise
    return replace_database(path)


def replace_database(path: Path) -> Opened:
    """Set a damaged file aside and make a new one with what can be read of it.

    Raises:
        OSError, sqlite3.Error: the folder is read-only, or the disk is full.
    """
    aside = _set_aside(path)
    _create_private(path)
    connection = _prepare(path)
    return Opened(connection, aside, salvage(aside, connection))


def put_back(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Write a queue whose file was deleted to its place again: an open file can be read though it has no name.

    Raises:
        OSError, sqlite3.Error: the folder cannot be made again, or the disk is full.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _set_aside(path)  # whatever has taken its place
    _create_private(path)
    target = connect(path)
    connection.backup(target)
    target.close()
    connection.close()
    return _prepare(path)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that any thread may use, one at a time; transactions are explicit."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)


def _create_private(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives the -wal and -shm files the mode of this one


def _prepare(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if count and application != APPLICATION_ID:
            raise sqlite3.DatabaseError("not a queue of Beacon")
        connection.execute("PRAGMA page_size = 16384")  # a row is a whole batch; 4 KiB pages cost twice the surcharge
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect before the first table only
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # the WAL is synced at every commit (promise P1)
        connection.execute("PRAGMA journal_size_limit = 67108864")
        # Builds that overwrite what is deleted (Debian's) would write each delivered batch a second time, as zeros.
        connection.execute("PRAGMA secure_delete = FAST")
        if not count:
            connection.executescript(
                f"BEGIN; {SCHEMA}"
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"written by another version of Beacon (schema {version})")
        tables.figures(connection)
        tables.stored_bytes(connection)
    except FILE_ERRORS:
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> Path:
    """Rename a damaged file and its companions; nothing is deleted."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for suffix in ("", "-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    return aside
