"""The `sqlite` queue, durable, and the `memory` queue, the same without a file."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from pydantic import ByteSize, Field

from beacon_core.component import Host
from beacon_core.config import ComponentConfig, Duration, Size
from beacon_core.errors import ConfigurationError, QueueFullError, QueueUnavailableError
from beacon_core.event import Event, decode_batch, encode_batch, encode_lines
from beacon_core.queue import Backlog, Entry, Lease, LeasedBatch, Queue
from beacon_core.queues.sqlite.channel import Channel
from beacon_core.queues.sqlite.commits import Finish, GroupCommit
from beacon_core.queues.sqlite.database import SCHEMA, connect, open_database
from beacon_core.queues.sqlite.lock import FileLock

_NANOS = 1_000_000_000
_PRUNE_INTERVAL = 30 * _NANOS  # how often keys that left the dedup window are deleted
_READ_AHEAD = 64  # rows a lease looks at in one query


class MemoryQueueConfig(ComponentConfig):
    """Options of the `memory` queue."""

    max_bytes: Size = Field(default=ByteSize(1024**3), ge=1)
    """Bytes of accepted and not yet settled batches; beyond that receivers are told to slow down."""

    dedup_window: Duration = 600.0
    """How long a request that is repeated byte for byte is recognized and not stored again; 0 switches that off."""


class SqliteQueueConfig(MemoryQueueConfig):
    """Options of the `sqlite` queue."""

    path: Path | None = None
    """The queue's file; default: `queue.db` in the user's state folder for `beacon`. One process a file."""


class MemoryQueue(Queue):
    """Keeps batches in memory: what is not delivered when the process ends is lost."""

    config_class = MemoryQueueConfig
    config: MemoryQueueConfig

    def start(self, host: Host) -> None:
        super().start(host)
        self._changed = threading.Condition()
        self._channels: dict[str, Channel] = {}
        self._bytes = 0
        self._waiting = True
        self._pruned = 0
        connection = self._open()
        self._load(connection)
        self._commits: GroupCommit | None = GroupCommit(connection, self._load)

    def _open(self) -> sqlite3.Connection:
        connection = connect(Path(":memory:"))
        connection.executescript(SCHEMA)
        return connection

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - everything is on disk already
        commits = getattr(self, "_commits", None)
        if commits is not None:
            self._commits = None
            self.stop_waiting()
            commits.close()

    @property
    def _open_commits(self) -> GroupCommit:
        if self._commits is None:
            raise QueueUnavailableError("the queue is shut down")
        return self._commits

    def _load(self, connection: sqlite3.Connection) -> None:
        """Take the figures from the tables: at the start, and after a transaction that failed."""
        (size,) = connection.execute("SELECT coalesce(sum(length(payload)), 0) FROM batch").fetchone()
        rows = connection.execute("SELECT exporter, count(*), sum(events) FROM delivery GROUP BY exporter").fetchall()
        with self._changed:
            self._bytes = size
            for exporter, batches, events in rows:
                channel = self._channels.setdefault(exporter, Channel())
                channel.batches, channel.events = batches, events

    # ---- putting in ----

    def put(self, entries: Sequence[Entry]) -> list[bool]:
        payloads = [encode_batch(entry.batch) for entry in entries]
        return self._open_commits.run(lambda connection: self._write(connection, entries, payloads))

    def _write(
        self, connection: sqlite3.Connection, entries: Sequence[Entry], payloads: Sequence[bytes]
    ) -> Finish[list[bool]]:
        now = self.host.clock()
        fresh = [not self._seen(connection, entry.key, now) for entry in entries]
        size = sum(len(payload) for payload, new in zip(payloads, fresh, strict=True) if new)
        if self._bytes + size > self.config.max_bytes:
            raise QueueFullError(f"the queue holds {self._bytes} bytes of {int(self.config.max_bytes)}")
        self._prune(connection, now)
        stored: list[Entry] = []
        for entry, payload, new in zip(entries, payloads, fresh, strict=True):
            if new:
                self._insert(connection, entry, payload, now)
                stored.append(entry)
        self._bytes += size  # at once: the next write of this group must see it

        def finish() -> list[bool]:
            self._announce(stored)
            return fresh

        return finish

    def _seen(self, connection: sqlite3.Connection, key: str, now: int) -> bool:
        row = connection.execute("SELECT time FROM seen WHERE key = ?", (key,)).fetchone()
        return row is not None and abs(now - row[0]) <= self.config.dedup_window * _NANOS

    def _prune(self, connection: sqlite3.Connection, now: int) -> None:
        if abs(now - self._pruned) > _PRUNE_INTERVAL:
            self._pruned = now
            window = int(self.config.dedup_window * _NANOS)
            connection.execute("DELETE FROM seen WHERE time < ? OR time > ?", (now - window, now + window))

    def _insert(self, connection: sqlite3.Connection, entry: Entry, payload: bytes, now: int) -> None:
        if self.config.dedup_window:
            connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (entry.key, now))
        if not entry.exporters or not len(entry.batch):
            return
        seq = connection.execute(
            "INSERT INTO batch (payload, crc) VALUES (?, ?)", (payload, zlib.crc32(payload))
        ).lastrowid
        connection.executemany(
            "INSERT INTO delivery (exporter, seq, events) VALUES (?, ?, ?)",
            [(exporter, seq, len(entry.batch)) for exporter in entry.exporters],
        )

    def _announce(self, entries: Sequence[Entry]) -> None:
        with self._changed:
            for entry in entries:
                if len(entry.batch):
                    for exporter in entry.exporters:
                        channel = self._channels.setdefault(exporter, Channel())
                        channel.batches += 1
                        channel.events += len(entry.batch)
            self._changed.notify_all()

    # ---- taking out ----

    def lease(self, exporter: str, *, max_events: int, max_bytes: int, timeout: float) -> Lease | None:
        deadline = time.monotonic() + timeout
        with self._changed:
            channel = self._channels.setdefault(exporter, Channel())
            while self._waiting and not channel.available:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            if not channel.available:
                return None
        leased, damaged = self._open_commits.read(
            lambda connection: self._read(connection, exporter, channel, max_events, max_bytes)
        )
        if damaged:
            self._open_commits.run(lambda connection: self._quarantine(connection, exporter, damaged))
        return Lease(exporter, leased) if leased else None

    def _read(
        self, connection: sqlite3.Connection, exporter: str, channel: Channel, max_events: int, max_bytes: int
    ) -> tuple[list[LeasedBatch], dict[int, str]]:
        rows = connection.execute(
            "SELECT seq, events, remaining, attempts, payload, crc FROM delivery JOIN batch USING (seq)"
            " WHERE exporter = ? AND seq > ? ORDER BY seq LIMIT ?",
            (exporter, channel.position, _READ_AHEAD),
        )
        leased: list[LeasedBatch] = []
        damaged: dict[int, str] = {}
        for seq, count, remaining, attempts, payload, crc in rows:
            if leased and (count > max_events or len(payload) > max_bytes):
                break
            if seq in channel.leased:
                continue
            try:
                leased.append(LeasedBatch(seq, _restore(payload, crc, remaining), attempts, len(payload)))
            except (msgspec.MsgspecError, ValueError) as error:
                damaged[seq] = str(error)
            max_events, max_bytes = max_events - count, max_bytes - len(payload)
        with self._changed:
            channel.lease([item.seq for item in leased])
        return leased, damaged

    def _quarantine(self, connection: sqlite3.Connection, exporter: str, damaged: Mapping[int, str]) -> Finish[None]:
        """Put batches that cannot be read aside, so that they stop no others (promise P8)."""
        lost: list[int] = []
        for seq, reason in damaged.items():
            connection.execute(
                "INSERT OR IGNORE INTO quarantine SELECT seq, payload, ? FROM batch WHERE seq = ?", (reason, seq)
            )
            (count,) = connection.execute(
                "DELETE FROM delivery WHERE exporter = ? AND seq = ? RETURNING events", (exporter, seq)
            ).fetchone()
            lost.append(count)
            self._delete_if_settled(connection, seq)

        def finish() -> None:
            with self._changed:
                self._channels[exporter].settle(batches=len(lost), events=sum(lost))
            self.host.counters.add("dropped", exporter, sum(lost), reason="damaged")
            self.host.logger.error("%d batches in the queue cannot be read and were put in quarantine", len(lost))

        return finish

    # ---- settling ----

    def ack(self, lease: Lease, event_ids: Collection[str] | None = None) -> None:
        self._settle(lease, None if event_ids is None else set(event_ids), {})

    def dead_letter(self, lease: Lease, reasons: Mapping[str, str]) -> None:
        self._settle(lease, set(reasons), reasons)

    def nack(self, lease: Lease) -> None:
        seqs = [leased.seq for leased in lease.batches]
        lease.batches = []

        def write(connection: sqlite3.Connection) -> Finish[None]:
            connection.executemany(
                "UPDATE delivery SET attempts = attempts + 1 WHERE exporter = ? AND seq = ?",
                [(lease.exporter, seq) for seq in seqs],
            )
            return lambda: None

        try:
            self._open_commits.run(write)
        finally:  # a count that cannot be kept is no reason to keep the batches from being tried again
            with self._changed:
                self._channels[lease.exporter].give_back(seqs)
                self._changed.notify_all()

    def _settle(self, lease: Lease, settled: set[str] | None, reasons: Mapping[str, str]) -> None:
        def write(connection: sqlite3.Connection) -> Finish[None]:
            kept: list[LeasedBatch] = []
            freed = 0
            for leased in lease.batches:
                left = () if settled is None else tuple(e for e in leased.events if e.id not in settled)
                self._insert_dead_letters(connection, lease.exporter, leased, reasons)
                if left:
                    kept.append(_keep(connection, lease.exporter, leased, left))
                else:
                    freed += self._delete(connection, lease.exporter, leased)
            return lambda: self._settled(lease, kept, freed)

        self._open_commits.run(write)

    def _settled(self, lease: Lease, kept: list[LeasedBatch], freed: int) -> None:
        gone = {leased.seq for leased in lease.batches} - {leased.seq for leased in kept}
        events = len(lease.events) - sum(len(leased.events) for leased in kept)
        lease.batches = kept
        with self._changed:
            self._bytes -= freed
            channel = self._channels[lease.exporter]
            channel.leased -= gone
            channel.settle(batches=len(gone), events=events)

    def _insert_dead_letters(
        self, connection: sqlite3.Connection, exporter: str, leased: LeasedBatch, reasons: Mapping[str, str]
    ) -> None:
        now = self.host.clock()
        for event in leased.events:
            if event.id in reasons:
                connection.execute(
                    "INSERT INTO dead_letter (exporter, event, reason, attempts, time) VALUES (?, ?, ?, ?, ?)",
                    (exporter, encode_lines([event]).decode().rstrip(), reasons[event.id], leased.attempts + 1, now),
                )

    def _delete(self, connection: sqlite3.Connection, exporter: str, leased: LeasedBatch) -> int:
        connection.execute("DELETE FROM delivery WHERE exporter = ? AND seq = ?", (exporter, leased.seq))
        return leased.size if self._delete_if_settled(connection, leased.seq) else 0

    def _delete_if_settled(self, connection: sqlite3.Connection, seq: int) -> bool:
        marks = ", ".join("?" * len(self._channels))
        deleted = connection.execute(
            "DELETE FROM batch WHERE seq = ? AND NOT EXISTS"  # noqa: S608 - question marks only
            f" (SELECT 1 FROM delivery WHERE exporter IN ({marks}) AND seq = ?)",
            (seq, *self._channels, seq),
        )
        return deleted.rowcount > 0

    # ---- looking at it ----

    def backlogs(self) -> dict[str, Backlog]:
        with self._changed:
            return {name: Backlog(channel.events, channel.batches) for name, channel in self._channels.items()}

    def stop_waiting(self) -> None:
        with self._changed:
            self._waiting = False
            self._changed.notify_all()


class SqliteQueue(MemoryQueue):
    """Keeps batches in one SQLite file, synced before a receiver acknowledges; survives a crash and a power loss."""

    config_class = SqliteQueueConfig
    config: SqliteQueueConfig

    def _open(self) -> sqlite3.Connection:
        path = self.config.path or _default_path()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(path)
            connection, aside = open_database(path)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"the queue {path} cannot be opened: {error}; set service.queue.path") from error
        if aside is not None:
            self.host.count("damaged_files")
            self.host.logger.error(
                "the queue %s was damaged or is not ours; it is kept as %s, a new one was made", path, aside
            )
        return connection

    def shutdown(self, timeout: float) -> None:
        running = getattr(self, "_commits", None) is not None
        super().shutdown(timeout)
        if running:
            self._lock.release()


def _default_path() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415 - needed only where no path is configured

    return user_state_path("beacon", appauthor=False) / "queue.db"


def _restore(payload: bytes, crc: int, remaining: str | None) -> tuple[Event, ...]:
    if zlib.crc32(payload) != crc:
        raise ValueError("checksum does not match")
    events = decode_batch(payload).events
    if remaining is None:
        return events
    wanted = set(json.loads(remaining))
    return tuple(event for event in events if event.id in wanted)


def _keep(connection: sqlite3.Connection, exporter: str, leased: LeasedBatch, left: tuple[Event, ...]) -> LeasedBatch:
    if len(left) < len(leased.events):
        connection.execute(
            "UPDATE delivery SET events = ?, remaining = ? WHERE exporter = ? AND seq = ?",
            (len(left), json.dumps([event.id for event in left]), exporter, leased.seq),
        )
    return LeasedBatch(leased.seq, left, leased.attempts, leased.size)
