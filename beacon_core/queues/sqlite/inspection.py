"""Looks into a queue's file from outside a run: what is there, what waits, what is wrong.

Every function raises `ConfigurationError` and `QueueUnavailableError` as `access` does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from beacon_core.event import Event, encode_lines, rfc3339
from beacon_core.queues.sqlite import tables
from beacon_core.queues.sqlite.access import beside, holder, reading, reason, schema_version
from beacon_core.queues.sqlite.commits import FILE_ERRORS
from beacon_core.queues.sqlite.dead_letters import Selection, count, decoded


class ExporterStatus(msgspec.Struct, kw_only=True):
    """What there is for one exporter; the age is that of the earliest event in its oldest batch, None if unknown."""

    batches: int = 0
    events: int = 0
    oldest_time: str | None = None
    oldest_age_seconds: float | None = None
    dead_letters: int = 0


class Status(msgspec.Struct, kw_only=True):
    """What is in a queue and beside it; `held` is None where the lock may not be read, `held_by` a process id."""

    path: str
    schema_version: int
    size_bytes: int
    stored_bytes: int
    held: bool | None
    held_by: int | None
    exporters: dict[str, ExporterStatus]
    quarantined_batches: int
    damaged_files: list[str]


class Verdict(msgspec.Struct, kw_only=True):
    """What is wrong with a queue, and how much of it was looked at; `events` counts an event once for each exporter."""

    path: str
    ok: bool = False
    problems: list[str] = []
    batches: int = 0
    events: int = 0
    stored_bytes: int = 0
    dead_letters: int = 0
    quarantined_batches: int = 0


# ---- status ----


def status(path: Path, now: int) -> Status:
    """Return what is in a queue; `now` in Unix nanoseconds."""
    held, held_by = holder(path)
    with reading(path) as connection:
        return Status(
            path=str(path),
            schema_version=schema_version(connection),
            size_bytes=sum(file.stat().st_size for file in (path, beside(path, "-wal")) if file.exists()),
            stored_bytes=tables.stored_bytes(connection),
            held=held,
            held_by=held_by,
            exporters=_by_exporter(connection, now),
            quarantined_batches=_quarantined(connection),
            damaged_files=_damaged_files(path),
        )


def _by_exporter(connection: sqlite3.Connection, now: int) -> dict[str, ExporterStatus]:
    found = {name: ExporterStatus(dead_letters=number) for name, number in count(connection, Selection()).items()}
    for name, batches, events in _figures(connection):
        each = found.setdefault(name, ExporterStatus())
        each.batches, each.events = batches, events
        oldest = _oldest(connection, name)
        if oldest is not None:
            each.oldest_time, each.oldest_age_seconds = rfc3339(oldest), round(max(0, now - oldest) / 1e9, 3)
    return dict(sorted(found.items()))


def _figures(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Return batches and events that wait, by exporter; in a damaged file a value may have another type."""
    query = (
        "SELECT coalesce(CAST(exporter AS TEXT), ''), count(*), coalesce(CAST(sum(events) AS INTEGER), 0)"
        " FROM delivery GROUP BY 1 ORDER BY 1"
    )
    return connection.execute(query).fetchall()


def _oldest(connection: sqlite3.Connection, exporter: str) -> int | None:
    for _, _, remaining, _, _, payload, crc in tables.rows_after(connection, exporter, 0):
        try:
            events = tables.restore(payload, crc, remaining)
        except tables.DamagedBatchError:
            break
        return min((event.observed_time_unix_nano or event.time_unix_nano for event in events), default=None)
    return None


def _quarantined(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])


def _damaged_files(path: Path) -> list[str]:
    prefix = f"{path.name}.damaged-"
    names = (file.name for file in path.parent.iterdir() if file.name.startswith(prefix))
    return sorted(name for name in names if not name.endswith(("-wal", "-shm")))


# ---- what waits ----


def waiting_events(path: Path, exporter: str | None, damaged: list[int]) -> Iterator[bytes]:
    """Yield what waits, one exporter after the other, as JSON lines: events with the exporter as an additional member.

    Args:
        path: the queue.
        exporter: whose events; None for all.
        damaged: gets the numbers of batches that cannot be read.
    """
    with reading(path) as connection:
        for name, _, _ in _figures(connection):
            if exporter in {None, name}:
                member = b'{"exporter":' + msgspec.json.encode(name) + b","
                for event in _waiting(connection, name, damaged):
                    yield member + encode_lines([event])[1:]


def _waiting(connection: sqlite3.Connection, exporter: str, damaged: list[int]) -> Iterator[Event]:
    position, before = 0, -1
    while position != before:
        before = position
        for seq, _, remaining, _, _, payload, crc in tables.rows_after(connection, exporter, before):
            position = seq
            try:
                yield from tables.restore(payload, crc, remaining)
            except tables.DamagedBatchError:
                damaged.append(seq)


def events_once(path: Path, damaged: list[int]) -> Iterator[bytes]:
    """Yield what waits as JSON lines, each event once, however many exporters it waits for; the oldest batch first.

    Args:
        path: the queue.
        damaged: gets the numbers of batches that cannot be read.
    """
    with reading(path) as connection:
        exporters = [name for (name,) in connection.execute("SELECT DISTINCT exporter FROM delivery")]
        for seq, payload, crc in connection.execute("SELECT seq, payload, crc FROM batch ORDER BY seq"):
            try:
                events = tables.restore(payload, crc, None)
                left = {
                    event.id for part in _parts(connection, seq, exporters) for event in tables.left_of(events, part)
                }
            except tables.DamagedBatchError:
                damaged.append(seq)
            else:
                yield from (encode_lines([event]) for event in events if event.id in left)


def _parts(connection: sqlite3.Connection, seq: int, exporters: list[str]) -> Iterator[str | None]:
    """Yield what is left of a batch for each exporter; asking for each is quick, there is no index of batches."""
    for exporter in exporters:
        query = "SELECT remaining FROM delivery WHERE exporter = ? AND seq = ?"
        yield from (remaining for (remaining,) in connection.execute(query, (exporter, seq)))


# ---- verify ----


def verify(path: Path) -> Verdict:
    """Read all of a queue and return what is wrong. Only a file that is no queue at all is an error."""
    found = Verdict(path=str(path))
    checks: tuple[tuple[str, Callable[[sqlite3.Connection, Verdict], Iterator[str]]], ...] = (
        ("the file", _check_file),
        ("the batches", _check_batches),
        ("the deliveries", _check_deliveries),
        ("the dead letters", _check_dead_letters),
    )
    with reading(path) as connection:
        for name, check in checks:
            try:
                found.problems.extend(check(connection, found))
            except FILE_ERRORS as error:
                found.problems.append(f"{name} cannot be read to the end: {reason(error)}")
    found.ok = not found.problems
    return found


def _check_file(connection: sqlite3.Connection, found: Verdict) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"integrity check: {line}"
    found.quarantined_batches = _quarantined(connection)


def _check_batches(connection: sqlite3.Connection, found: Verdict) -> Iterator[str]:
    exporters = [name for (name,) in connection.execute("SELECT DISTINCT exporter FROM delivery")]
    for seq, payload, crc in connection.execute("SELECT seq, payload, crc FROM batch ORDER BY seq"):
        found.batches += 1
        found.stored_bytes += len(payload) if isinstance(payload, bytes) else 0
        try:
            ids = [event.id for event in tables.restore(payload, crc, None)]
        except tables.DamagedBatchError as error:
            yield f"batch {seq}: {error}"
            continue
        yield from _check_batch(connection, seq, ids, exporters)


def _check_batch(connection: sqlite3.Connection, seq: int, ids: list[str], exporters: list[str]) -> Iterator[str]:
    """Compare a batch with what is noted for its exporters; asking for each is quick, there is no index of batches."""
    deliveries = 0
    for exporter in exporters:
        query = "SELECT events, remaining FROM delivery WHERE exporter = ? AND seq = ?"
        for events, remaining in connection.execute(query, (exporter, seq)):
            deliveries += 1
            left = set(ids) if remaining is None else _ids(remaining)
            if left is None or not left.issubset(ids):
                yield f"batch {seq}: the list of what is left for {exporter} does not belong to it"
            elif events != (number := sum(each in left for each in ids)):
                yield f"batch {seq}: {number} events are left for {exporter}, {events} are noted"
    if not deliveries:
        yield f"batch {seq}: no exporter has to deliver it"


def _ids(text: str) -> set[str] | None:
    try:
        return set(msgspec.json.decode(text, type=list[str]))
    except (msgspec.MsgspecError, TypeError):
        return None


def _check_deliveries(connection: sqlite3.Connection, found: Verdict) -> Iterator[str]:
    found.events = sum(events for _, _, events in _figures(connection))
    for exporter, seq in connection.execute(
        "SELECT exporter, seq FROM delivery WHERE seq NOT IN (SELECT seq FROM batch) ORDER BY seq, exporter"
    ):
        yield f"batch {seq}: it is noted for {exporter} and not there"


def _check_dead_letters(connection: sqlite3.Connection, found: Verdict) -> Iterator[str]:
    for number, line in connection.execute("SELECT id, coalesce(CAST(event AS TEXT), '') FROM dead_letter ORDER BY id"):
        found.dead_letters += 1
        if decoded(line) is None:
            yield f"dead letter {number}: its event cannot be read"
