"""What the queue does with its tables: one function a step, each within somebody's transaction."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from beacon_core.event import Event, decode_batch, encode_lines
from beacon_core.queue import LeasedBatch
from beacon_core.queues.sqlite.commits import FILE_ERRORS
from beacon_core.queues.sqlite.rows import Row as NewRow

_FREE_PAGES = 1024  # 16 MiB of pages that hold nothing: worth giving back
_VACUUM_PAGES = 256  # given back in one go, so that nobody waits for long


#: Primary result codes of SQLite that mean damage: an unknown table, a malformed file, not a database.
_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DamagedBatchError(Exception):
    """A stored batch cannot be read any more."""


class Figures(NamedTuple):
    """What waits for one exporter."""

    exporter: str
    batches: int
    events: int


class Dropped(NamedTuple):
    """What was taken from one exporter to make room."""

    exporter: str
    seq: int
    events: int


#: What waits for an exporter: number, events, remaining, attempts, first attempt, payload, CRC.
Row = tuple[int, int, str | None, int, int, bytes | None, int]


def is_damage(error: Exception) -> bool:
    """Say whether an error is about what the file holds; locked, full or read-only files hold what they should."""
    if isinstance(error, OSError):
        return False
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGE


@contextlib.contextmanager
def _as_far_as_possible() -> Iterator[None]:
    """Go on where the file itself is damaged: what cannot be copied or deleted stays, and stops no other."""
    try:
        yield
    except FILE_ERRORS as error:
        if not is_damage(error):
            raise


# ---- putting in ----


def seen(connection: sqlite3.Connection, keys: Iterable[str], now: int, window: int) -> set[str]:
    """Return those keys that were stored within the dedup window; times in Unix nanoseconds."""
    look = connection.execute
    found = ((key, look("SELECT time FROM seen WHERE key = ?", (key,)).fetchone()) for key in keys)
    return {key for key, row in found if row is not None and abs(now - row[0]) <= window}


def forget_seen(connection: sqlite3.Connection, now: int, window: int) -> None:
    """Delete keys that have left the dedup window."""
    connection.execute("DELETE FROM seen WHERE time < ? OR time > ?", (now - window, now + window))


def remember(connection: sqlite3.Connection, keys: Iterable[str], now: int) -> None:
    """Note keys as seen."""
    connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", [(key, now) for key in keys])


def insert(connection: sqlite3.Connection, row: NewRow, payload: bytes) -> int:
    """Store a batch for its exporters; return its number."""
    values = (payload, zlib.crc32(payload))
    seq = connection.execute("INSERT INTO batch (payload, crc) VALUES (?, ?)", values).lastrowid or 0
    connection.executemany(
        "INSERT INTO delivery (exporter, seq, events) VALUES (?, ?, ?)",
        [(exporter, seq, len(row.batch)) for exporter in row.exporters],
    )
    return seq


def drop_oldest(connection: sqlite3.Connection, size: int, leased: Collection[int]) -> tuple[list[Dropped], int]:
    """Delete the oldest batches that nobody has leased until `size` bytes are free, or none is left.

    Returns:
        What each exporter has lost, and how many bytes came free.
    """
    dropped: list[Dropped] = []
    freed = 0
    rows = connection.execute("SELECT seq, length(payload) FROM batch ORDER BY seq")
    victims: list[int] = []
    for seq, length in rows:
        if freed >= size:
            break
        if seq not in leased:
            victims.append(seq)
            freed += length
    for seq in victims:
        found = connection.execute("SELECT exporter, events FROM delivery WHERE seq = ?", (seq,)).fetchall()
        dropped += [Dropped(exporter, seq, events) for exporter, events in found]
        connection.execute("DELETE FROM delivery WHERE seq = ?", (seq,))
        connection.execute("DELETE FROM batch WHERE seq = ?", (seq,))
    return dropped, freed


# ---- taking out ----


def rows_after(
    connection: sqlite3.Connection, exporter: str, position: int, known_from: int = 2**63 - 1
) -> Iterator[Row]:
    """Yield what waits for an exporter after a position.

    The payloads of batches with numbers from `known_from` on are not read; None stands for them.
    """
    yield from connection.execute(
        "SELECT seq, events, remaining, attempts, first_attempt, iif(seq < ?, payload, NULL), crc"
        " FROM delivery LEFT JOIN batch USING (seq)"
        " WHERE exporter = ? AND seq > ? ORDER BY seq",  # that of the primary key: read as far as it is asked for
        (known_from, exporter, position),
    )


def next_number(connection: sqlite3.Connection, exporter: str, position: int) -> int | None:
    """Return the number of the next batch for an exporter; reads nothing of the batch itself."""
    row = connection.execute(
        "SELECT seq FROM delivery WHERE exporter = ? AND seq > ? ORDER BY seq LIMIT 1", (exporter, position)
    ).fetchone()
    return int(row[0]) if row else None


def restore(payload: bytes | None, crc: int, remaining: str | None) -> tuple[Event, ...]:
    """Return what is left of a stored batch.

    Raises:
        DamagedBatchError: it is not what was stored.
    """
    if not isinstance(payload, bytes):
        raise DamagedBatchError("is missing")
    if zlib.crc32(payload) != crc:
        raise DamagedBatchError("checksum does not match")
    try:
        events = decode_batch(payload).events
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedBatchError(f"cannot be decoded: {type(error).__name__}") from None
    return left_of(events, remaining)


def left_of(events: tuple[Event, ...], remaining: str | None) -> tuple[Event, ...]:
    """Return the events of a batch that are not settled; their ids are a JSON list, None stands for all.

    Raises:
        DamagedBatchError: the list is not what was stored.
    """
    if remaining is None:
        return events
    try:
        wanted = set(json.loads(remaining))
    except (ValueError, TypeError) as error:
        raise DamagedBatchError(f"cannot be decoded: {type(error).__name__}") from None
    return tuple(event for event in events if event.id in wanted)


def quarantine(connection: sqlite3.Connection, exporter: str, seq: int, reason: str) -> int:
    """Put a batch that cannot be read aside for an exporter; return how many of its events are lost to it."""
    with _as_far_as_possible():
        connection.execute(
            "INSERT OR IGNORE INTO quarantine SELECT seq, payload, ? FROM batch WHERE seq = ?", (reason, seq)
        )
    row = connection.execute(
        "DELETE FROM delivery WHERE exporter = ? AND seq = ? RETURNING events", (exporter, seq)
    ).fetchone()
    return int(row[0]) if row else 0


# ---- settling ----


def count_attempt(connection: sqlite3.Connection, exporter: str, seqs: Iterable[int], now: int) -> None:
    """Note that delivery was tried once more."""
    connection.executemany(
        "UPDATE delivery SET attempts = attempts + 1, first_attempt = iif(first_attempt, first_attempt, ?)"
        " WHERE exporter = ? AND seq = ?",
        [(now, exporter, seq) for seq in seqs],
    )


def insert_dead_letters(
    connection: sqlite3.Connection, exporter: str, leased: LeasedBatch, reasons: Mapping[str, str], now: int
) -> None:
    """Put those events of a batch aside that have a reason."""
    if not reasons:
        return
    connection.executemany(
        "INSERT INTO dead_letter (exporter, event, reason, attempts, first_time, last_time) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                exporter,
                _line(event),
                reasons[event.id],
                leased.attempts + 1,
                leased.first_attempt or now,
                now,
            )
            for event in leased.events
            if event.id in reasons
        ],
    )


def _line(event: Event) -> str:
    """Return an event as a JSON line; one that JSON cannot say, with text instead of keys that are none."""
    try:
        return encode_lines([event]).decode().rstrip()
    except TypeError:  # MessagePack takes such keys; only a receiver of somebody else makes them
        members = ("attributes", "resource", "body")
        plain = {member: _with_text_keys(getattr(event, member)) for member in members}
        return encode_lines([msgspec.structs.replace(event, **plain)]).decode().rstrip()


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def keep(connection: sqlite3.Connection, exporter: str, leased: LeasedBatch, left: tuple[Event, ...]) -> LeasedBatch:
    """Note what is left of a batch."""
    if len(left) == len(leased.events):
        return leased
    connection.execute(
        "UPDATE delivery SET events = ?, remaining = ? WHERE exporter = ? AND seq = ?",
        (len(left), json.dumps([event.id for event in left]), exporter, leased.seq),
    )
    return LeasedBatch(leased.seq, left, leased.attempts, leased.first_attempt, leased.size, leased.token)


def finish(
    connection: sqlite3.Connection, exporter: str, done: Collection[LeasedBatch], exporters: Collection[str]
) -> int:
    """Note that an exporter is done with batches, and delete those that no other has to deliver.

    Args:
        connection: the queue's.
        exporter: its id.
        done: the batches.
        exporters: all that there are in the queue.

    Returns:
        How many bytes came free.
    """
    connection.executemany(
        "DELETE FROM delivery WHERE exporter = ? AND seq = ?", [(exporter, leased.seq) for leased in done]
    )
    if len(exporters) > 1:
        return sum(delete_if_settled(connection, leased.seq, exporters) for leased in done)
    with _as_far_as_possible():
        connection.executemany("DELETE FROM batch WHERE seq = ?", [(leased.seq,) for leased in done])
    return sum(leased.size for leased in done)


def delete_if_settled(connection: sqlite3.Connection, seq: int, exporters: Collection[str]) -> int:
    """Delete a batch that no exporter has to deliver any more; return how many bytes came free.

    Args:
        connection: the queue's.
        seq: the batch.
        exporters: all that there are in the queue: asking for each is quicker than an index that every put pays for.
    """
    marks = ", ".join("?" * len(exporters))
    row = None
    with _as_far_as_possible():
        row = connection.execute(
            "DELETE FROM batch WHERE seq = ? AND NOT EXISTS"  # noqa: S608 - question marks only
            f" (SELECT 1 FROM delivery WHERE exporter IN ({marks}) AND seq = ?) RETURNING length(payload)",
            (seq, *exporters, seq),
        ).fetchone()
    return int(row[0]) if row else 0


def give_pages_back(connection: sqlite3.Connection) -> None:
    """Shrink the file a little if much of it holds nothing; a part at a time, so that nobody waits."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free > _FREE_PAGES:
        for _ in range(_VACUUM_PAGES):  # Python's `execute` makes one step, which gives one page back
            connection.execute("PRAGMA incremental_vacuum")


# ---- figures ----


def stored_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of all batches."""
    (size,) = connection.execute("SELECT coalesce(sum(length(payload)), 0) FROM batch").fetchone()
    return int(size)


def figures(connection: sqlite3.Connection) -> list[Figures]:
    """Return what waits, by exporter."""
    rows = connection.execute("SELECT exporter, count(*), sum(events) FROM delivery GROUP BY exporter").fetchall()
    return [Figures(*row) for row in rows]
