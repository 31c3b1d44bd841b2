"""Opens a queue's file from outside a run, for looking at it or for one change; says who holds it.

Looking neither creates nor changes anything, not even the `-shm` file: with `readonly_shm` SQLite keeps the index of
what a crashed run has left in the `-wal` file in memory, and a file without `-wal` is opened as immutable, because
SQLite would make both files (sqlite.org/wal.html, "Read-Only Databases"; sqlite.org/c3ref/open.html).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beacon_core.errors import ConfigurationError, QueueUnavailableError
from beacon_core.queues.sqlite import tables
from beacon_core.queues.sqlite.commits import FILE_ERRORS
from beacon_core.queues.sqlite.database import APPLICATION_ID, SCHEMA_VERSION
from beacon_core.queues.sqlite.lock import FileLock, try_lock

_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK}  # a lock's answer when somebody has it
_IMMUTABLE = "immutable=1"


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a queue for looking at one state of it, also while a run goes on writing.

    Raises:
        ConfigurationError: it is missing, damaged, or not ours.
        QueueUnavailableError: a run began in the middle; what was read may be wrong.
    """
    try:
        options = _options(path)
        connection = _open(path, options)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"the queue {path} cannot be opened: {error}") from error
    try:
        connection.execute("BEGIN")
        _check_identity(path, connection)
        yield connection
    except FILE_ERRORS as error:
        raise ConfigurationError(f"the queue {path} cannot be read: {reason(error)}") from error
    finally:
        connection.close()
    if options == _IMMUTABLE and beside(path, "-wal").exists():
        raise QueueUnavailableError(f"a run began to use the queue {path} meanwhile; try again")


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a queue that `reading` accepts for one transaction, which is on disk at the end, or never was.

    Raises:
        QueueUnavailableError: the disk is full, the file is read-only, or somebody else is writing.
    """
    try:
        connection = _open(path, "mode=rw")
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()
    except FILE_ERRORS as error:
        raise QueueUnavailableError(f"nothing was changed in the queue {path}: {reason(error)}") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a queue, so that no run can begin.

    Raises:
        ConfigurationError: the lock file cannot be made.
        QueueUnavailableError: a process holds the queue.
    """
    try:
        lock = FileLock(path)
    except ConfigurationError as error:
        raise QueueUnavailableError(
            f"the queue {path} is in use by process {holder(path)[1] or '(unknown)'}, which would not notice what is"
            " put back; stop it, do this again, then start it"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"the queue {path} cannot be locked: {error}") from error
    try:
        yield
    finally:
        lock.release()


def holder(path: Path) -> tuple[bool | None, int | None]:
    """Say whether a process holds a queue, and its id; None where that cannot be known.

    A lock that is free is taken for a moment.
    """
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR)
    except FileNotFoundError:
        return False, None
    except OSError:
        return None, None
    try:
        try_lock(descriptor)
    except OSError as error:
        return (True, _process_id(descriptor)) if error.errno in _HELD else (None, None)
    else:
        return False, None
    finally:
        os.close(descriptor)


def reason(error: Exception) -> str:
    """Return what one of `FILE_ERRORS` means, and for a damaged file what to do about it."""
    if isinstance(error, sqlite3.Error) and not tables.is_damage(error):
        return str(error)
    text = str(error) if isinstance(error, sqlite3.Error) else "its table of contents is damaged"
    return f"{text}; `beacon run` takes over what it can read of a damaged queue, and keeps the file"


def beside(path: Path, suffix: str) -> Path:
    """Return a companion of the file, where SQLite keeps it: a symbolic link is followed."""
    real = path.resolve()
    return real.with_name(real.name + suffix)


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of the tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _options(path: Path) -> str:
    if not path.exists():
        raise ConfigurationError(
            f"there is no queue {path}: nothing was accepted yet, or it is elsewhere; name it with --queue FILE, or the"
            " pipeline that uses it with --pipeline FILE"
        )
    wal, index = beside(path, "-wal"), beside(path, "-shm")
    if wal.exists() and index.exists():
        return "mode=ro&readonly_shm=1"
    if wal.exists() and wal.stat().st_size:
        raise ConfigurationError(
            f"beside the queue {path} there is a {wal.name} without {index.name}, as after an incomplete copy: make an"
            f" empty file {index.name} there; if the folder is read-only, copy both files and do it beside the copy"
        )
    return _IMMUTABLE


def _open(path: Path, options: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True, isolation_level=None, timeout=5.0)
    connection.text_factory = _lenient  # a damaged text is shown as well as it can be
    return connection


def _lenient(data: bytes) -> str:
    return data.decode(errors="replace")


def _check_identity(path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise ConfigurationError(f"{path} is not a queue of Beacon, or an empty one")
    version = schema_version(connection)
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"the queue {path} is of another version of Beacon (schema {version}, not {SCHEMA_VERSION}); use that one"
        )


def _process_id(descriptor: int) -> int | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 64).partition(b"\n")[0]
    return int(text) if text.isdigit() else None
