"""Reads a queue's file while no process has it: on a copy, so that the next run finds what the last one left."""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
import tempfile
import time
import zlib
from pathlib import Path

import msgspec

from beacon_core import decode_line
from beacon_core.event import decode_batch
from tests.e2e.crash.evidence import QueueState, name_of


def wait_until_free(folder: Path) -> None:
    """Return once no process holds a queue: those that a killed one has kept end a moment after it."""
    deadline = time.monotonic() + 60
    for path in folder.glob("*.lock"):
        with path.open() as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    assert time.monotonic() < deadline, f"{path.name} is held for a minute"
                    time.sleep(0.005)


def read_queues(path: Path) -> QueueState:
    """Return what is in a queue's file and in those of further worker processes beside it."""
    state = read_queue(path)
    for other in path.parent.glob(f"{path.stem}.worker-*{path.suffix}"):
        more = read_queue(other)
        state.queued.update(more.queued)
        state.problems += more.problems
        for exporter, dead in more.dead.items():
            state.dead.setdefault(exporter, []).extend(dead)
    return state


def read_queue(path: Path) -> QueueState:
    """Return what waits, what is in the dead letters, and what is damaged."""
    state = QueueState()
    if not path.exists():
        return state
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            companion = path.with_name(path.name + suffix)
            if companion.exists():
                shutil.copy(companion, Path(folder) / companion.name)
        connection = sqlite3.connect(Path(folder) / path.name)
        try:
            _read(connection, state)
        except sqlite3.Error as error:
            state.problems.append(f"cannot be read: {error}")
        finally:
            connection.close()
    state.problems += [f"was set aside as {aside.name}" for aside in path.parent.glob(f"{path.name}.damaged-*")]
    return state


def _read(connection: sqlite3.Connection, state: QueueState) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:  # killed before it was set up
        return
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        state.problems.append(f"integrity check: {verdict}")
    batches = {
        seq: _events(seq, payload, crc, state)
        for seq, payload, crc in connection.execute("SELECT seq, payload, crc FROM batch")
    }
    wanted = set()
    for exporter, seq, events, remaining in connection.execute("SELECT exporter, seq, events, remaining FROM delivery"):
        state.queued[exporter] += events
        wanted.add(seq)
        left = batches.get(seq, set()) if remaining is None else set(json.loads(remaining))
        if len(left) != events or not left <= batches.get(seq, set()):
            state.problems.append(f"batch {seq} for {exporter} should have {events} events, {len(left)} are left")
    if orphans := batches.keys() - wanted:
        state.problems.append(f"{len(orphans)} batches that nobody delivers")
    (quarantined,) = connection.execute("SELECT count(*) FROM quarantine").fetchone()
    if quarantined:
        state.problems.append(f"{quarantined} batches in quarantine")
    for exporter, line in connection.execute("SELECT exporter, event FROM dead_letter"):
        event = decode_line(line.encode())
        state.dead.setdefault(exporter, []).append((event.id, name_of(str(event.body))))


def _events(seq: int, payload: bytes, crc: int, state: QueueState) -> set[str]:
    if zlib.crc32(payload) != crc:
        state.problems.append(f"batch {seq}: checksum does not match")
    try:
        return {event.id for event in decode_batch(payload)}
    except msgspec.MsgspecError as error:
        state.problems.append(f"batch {seq} cannot be decoded: {error}")
        return set()
