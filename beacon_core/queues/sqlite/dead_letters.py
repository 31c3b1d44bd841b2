"""Shows the dead letters of a queue's file, puts them back and deletes them, from outside a run.

Every function that takes a path raises `ConfigurationError` and `QueueUnavailableError` as `access` does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from beacon_core.errors import QueueError
from beacon_core.event import Batch, Event, content_id, decode_line, encode_batch, rfc3339
from beacon_core.queues.sqlite import tables
from beacon_core.queues.sqlite.access import changing, locked, reading
from beacon_core.queues.sqlite.rows import Row

_GROUP_EVENTS, _GROUP_BYTES = 1000, 1 << 20  # what one batch of dead letters that go back may hold
_WHERE = "(?1 IS NULL OR id IN (SELECT value FROM json_each(?1))) AND (?2 IS NULL OR exporter = ?2)"
_EXPORTER = "coalesce(CAST(exporter AS TEXT), '')"  # in a damaged file a value may have another type, or be NULL
_SELECT = (
    f"SELECT id, {_EXPORTER}, coalesce(CAST(event AS TEXT), ''), coalesce(CAST(reason AS TEXT), ''),"  # noqa: S608
    " coalesce(CAST(attempts AS INTEGER), 0), coalesce(CAST(first_time AS INTEGER), 0),"
    " coalesce(CAST(last_time AS INTEGER), 0) FROM dead_letter"
)

_Row: TypeAlias = tuple[int, str, str, str, int, int, int]


class Selection(NamedTuple):
    """Which dead letters: all, or those with some ids, of every exporter or of one."""

    ids: tuple[int, ...] | None = None
    exporter: str | None = None


class DeadLetter(msgspec.Struct, kw_only=True):
    """An event that was put aside; `event` is its JSON line, or a text if that cannot be read any more."""

    id: int
    exporter: str
    first_time: str
    last_time: str
    attempts: int
    reason: str
    event: msgspec.Raw | str
    event_name: str


class Retried(msgspec.Struct, kw_only=True):
    """How many dead letters went back, by exporter, in how many batches, and the ids of those that cannot be read."""

    retried: dict[str, int]
    batches: int
    unreadable: list[int]


# ---- looking ----


def tally(path: Path, selection: Selection) -> dict[str, int]:
    """Return the numbers of dead letters by exporter.

    Raises:
        QueueError: there is none with one of the ids.
    """
    with reading(path) as connection:
        return count(connection, selection)


def dead_letters(path: Path, selection: Selection, limit: int | None = None) -> Iterator[DeadLetter]:
    """Yield dead letters, the oldest first.

    Raises:
        QueueError: there is none with one of the ids; before the first is yielded.
    """
    with reading(path) as connection:
        count(connection, selection)
        for row in _rows(connection, selection, -1 if limit is None else limit):
            yield _dead_letter(row)


def _dead_letter(row: _Row) -> DeadLetter:
    number, exporter, line, reason, attempts, first_time, last_time = row
    event = decoded(line)
    return DeadLetter(
        id=number,
        exporter=exporter,
        first_time=rfc3339(first_time),
        last_time=rfc3339(last_time),
        attempts=attempts,
        reason=reason,
        event=line if event is None else msgspec.Raw(line.encode()),
        event_name="" if event is None else event.name,
    )


def decoded(line: str) -> Event | None:
    """Return the event of a stored dead letter, None if it cannot be read."""
    try:
        return decode_line(line.encode())
    except msgspec.MsgspecError:
        return None


def count(connection: sqlite3.Connection, selection: Selection) -> dict[str, int]:
    """Do what `tally` does on an open queue."""
    query = f"SELECT {_EXPORTER}, count(*) FROM dead_letter WHERE {_WHERE} GROUP BY 1"  # noqa: S608 - constants
    found = dict(connection.execute(query, _parameters(selection)).fetchall())
    if selection.ids is not None and sum(found.values()) < len(set(selection.ids)):
        missing = sorted(set(selection.ids) - {row[0] for row in _rows(connection, selection)})
        of = "" if selection.exporter is None else f" of exporter {selection.exporter}"
        raise QueueError(f"there is no dead letter {', '.join(map(str, missing))}{of}; see: beacon queue list")
    return found


def _rows(connection: sqlite3.Connection, selection: Selection, limit: int = -1) -> Iterator[_Row]:
    query = f"{_SELECT} WHERE {_WHERE} ORDER BY id LIMIT ?3"
    yield from connection.execute(query, (*_parameters(selection), limit))


def _parameters(selection: Selection) -> tuple[str | None, str | None]:
    return None if selection.ids is None else json.dumps(selection.ids), selection.exporter


# ---- changing ----


def retry(path: Path, selection: Selection) -> Retried:
    """Put dead letters back into the queue, each for its exporter, with no attempts counted; all or none of them.

    Event ids stay; the dedup window is not asked. Dead letters that cannot be read stay where they are.

    Raises:
        QueueError: there is none with one of the ids.
        QueueUnavailableError: a process holds the queue.
    """
    exporters = tally(path, selection)
    done = Retried(retried={}, batches=0, unreadable=[])
    with locked(path), changing(path) as connection:
        for exporter in exporters:
            for ids, batch in _groups(connection, selection._replace(exporter=exporter), done.unreadable):
                tables.insert(connection, Row(batch, (exporter,)), encode_batch(batch))
                connection.execute(f"DELETE FROM dead_letter WHERE {_WHERE}", _parameters(Selection(ids)))  # noqa: S608
                done.retried[exporter] = done.retried.get(exporter, 0) + len(batch)
                done.batches += 1
    return done


def _groups(
    connection: sqlite3.Connection, selection: Selection, unreadable: list[int]
) -> Iterator[tuple[tuple[int, ...], Batch]]:
    """Yield batches of events, each with the ids of its dead letters; they may be deleted before the next is asked for.

    An event id is once in a batch: delivery knows the events of a batch by their ids.
    """
    ids: list[int] = []
    events: dict[str, tuple[Event, bytes]] = {}
    size = 0
    for number, _, line, *_ in _rows(connection, selection):
        event = decoded(line)
        if event is None:
            unreadable.append(number)
            continue
        size += len(line)
        if events and (event.id in events or len(events) == _GROUP_EVENTS or size > _GROUP_BYTES):
            yield tuple(ids), _batch(events)
            ids, events, size = [], {}, len(line)
        ids.append(number)
        events[event.id] = event, line.encode()
    if events:
        yield tuple(ids), _batch(events)


def _batch(events: dict[str, tuple[Event, bytes]]) -> Batch:
    return Batch(content_id(*(line for _, line in events.values())), tuple(event for event, _ in events.values()))


def drop(path: Path, selection: Selection) -> dict[str, int]:
    """Delete dead letters for good, also while a run has the queue; return how many, by exporter.

    Raises:
        QueueError: there is none with one of the ids.
    """
    tally(path, selection)  # a file that is no queue is not written to
    with changing(path) as connection:
        found = count(connection, selection)
        connection.execute(f"DELETE FROM dead_letter WHERE {_WHERE}", _parameters(selection))  # noqa: S608 - a constant
    return found
