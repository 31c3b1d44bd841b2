"""Takes what can be read out of a damaged queue file.

SQLite keeps rows in a tree of pages: where a page is damaged, a walk through the tree ends, but rows before and behind
it can still be reached from the other end or by their number. Everything is checked by its checksum before it is taken.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_MOST_LOOKUPS = 100_000  # rows between the first and the last damage that are tried one by one

_BATCHES = "SELECT seq, payload, crc FROM batch"
_DELIVERIES = "SELECT exporter, seq, events, remaining, attempts, first_attempt FROM delivery ORDER BY exporter"

_Row = tuple[int, bytes, int]  # number, payload, CRC
_Delivery = tuple[str, int, int, str | None, int, int]


def salvage(damaged: Path, into: sqlite3.Connection) -> int:
    """Copy the batches that can still be read, with what is known of their delivery, into a new queue.

    Args:
        damaged: the file; SQLite may work its write-ahead log into it, nothing else changes.
        into: a new queue, empty.

    Returns:
        How many batches were copied.
    """
    try:
        source = sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
    except sqlite3.Error:
        return 0
    copied = 0
    into.execute("BEGIN IMMEDIATE")
    try:
        deliveries = _deliveries(source)
        for seq, payload, crc in _readable_batches(source):
            if seq in deliveries and zlib.crc32(payload) == crc:
                into.execute("INSERT INTO batch VALUES (?, ?, ?)", (seq, payload, crc))
                into.executemany("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?)", deliveries.pop(seq))
                copied += 1
        for table in ("seen", "dead_letter"):
            _copy_table(source, into, table)
    finally:
        into.execute("COMMIT")
        source.close()
    return copied


def _readable_batches(source: sqlite3.Connection) -> Iterator[_Row]:
    """Yield every batch that can be reached: from the front, from the back, and one by one between the damages."""
    front = 0
    for row in _batches(source, f"{_BATCHES} ORDER BY seq"):
        front = row[0]
        yield row
    behind = [row for row in _batches(source, f"{_BATCHES} WHERE seq > {front:d} ORDER BY seq DESC") if row[0] > front]
    back = behind[-1][0] if behind else _last_number(source) + 1
    for seq in range(front + 1, min(back, front + _MOST_LOOKUPS)):
        yield from _batches(source, f"{_BATCHES} WHERE seq = {seq:d}")
    yield from reversed(behind)


def _batches(source: sqlite3.Connection, query: str) -> Iterator[_Row]:
    for seq, payload, crc in _walk(source, query):
        if isinstance(seq, int) and isinstance(payload, bytes) and isinstance(crc, int):
            yield seq, payload, crc


def _last_number(source: sqlite3.Connection) -> int:
    numbers = [seq for (seq,) in _walk(source, "SELECT seq FROM sqlite_sequence") if isinstance(seq, int)]
    return max(numbers, default=0)


def _deliveries(source: sqlite3.Connection) -> dict[int, list[_Delivery]]:
    """Return what is left to deliver, by the batch's number, as far as it can be reached from both ends."""
    found: dict[tuple[str, int], _Delivery] = {}
    for direction in ("", " DESC"):
        for exporter, seq, events, remaining, attempts, first in _walk(
            source, f"{_DELIVERIES}{direction}, seq{direction}"
        ):
            numbers = (seq, events, attempts, first)
            if isinstance(exporter, str) and all(isinstance(n, int) for n in numbers) and (exporter, seq) not in found:
                found[exporter, seq] = (exporter, seq, events, remaining, attempts, first)
    by_batch: dict[int, list[_Delivery]] = {}
    for (_, seq), row in found.items():
        by_batch.setdefault(seq, []).append(row)
    return by_batch


def _copy_table(source: sqlite3.Connection, into: sqlite3.Connection, table: str) -> None:
    for row in _walk(source, f"SELECT * FROM {table}"):  # noqa: S608 - one of two words
        with suppress(sqlite3.IntegrityError):  # a row of nonsense
            into.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608


def _walk(source: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows until there are no more or the damage is reached."""
    try:
        yield from source.execute(query)
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        return
