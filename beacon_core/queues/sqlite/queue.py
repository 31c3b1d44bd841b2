"""The `sqlite` queue, durable, and the `memory` queue, the same without a file."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import compress, count
from pathlib import Path
from typing import NamedTuple

from beacon_core.component import Host
from beacon_core.config import ComponentConfig
from beacon_core.errors import ConfigurationError, QueueFullError, QueueUnavailableError
from beacon_core.event import encode_batch
from beacon_core.queue import Backlog, Entry, Lease, LeasedBatch, Queue
from beacon_core.queues.sqlite import tables
from beacon_core.queues.sqlite.channel import Channel
from beacon_core.queues.sqlite.commits import FILE_ERRORS, Finish, GroupCommit
from beacon_core.queues.sqlite.config import MemoryQueueConfig, SqliteQueueConfig, default_path
from beacon_core.queues.sqlite.database import SCHEMA, Opened, connect, open_database, put_back, replace_database
from beacon_core.queues.sqlite.lock import FileLock
from beacon_core.queues.sqlite.recent import Recent
from beacon_core.queues.sqlite.rows import Row, rows_of
from beacon_core.queues.sqlite.siblings import Siblings, adopt_orphans, path_of

_NANOS = 1_000_000_000
_TIDY_INTERVAL = 30 * _NANOS  # how often old keys are forgotten and free pages given back


class _Limits(NamedTuple):
    """What a lease may hold; `strict` says that the first batch has to keep to it, too."""

    max_events: int
    max_bytes: int
    strict: bool


class MemoryQueue(Queue):
    """Keeps batches in memory: what is not delivered when the process ends is lost."""

    config_class = MemoryQueueConfig
    config: MemoryQueueConfig

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._channels: dict[str, Channel] = {}
        self._changed = threading.Condition()
        self._recent = Recent()
        self._commits: GroupCommit | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        self._channels.clear()
        self._bytes = 0
        self._waiting = True
        self._tidied = 0
        self._tokens = count(1)
        connection = self._open()
        self._load(connection)
        self._commits = GroupCommit(connection, self._after_failure, self._alone)

    def _alone(self) -> AbstractContextManager[None]:
        """Keep other processes from committing to a queue that belongs with this one; there are none."""
        return nullcontext()

    def _seen(self, connection: sqlite3.Connection, keys: Sequence[str], now: int, window: int) -> set[str]:
        """Return which keys were stored within the dedup window, here or by another process."""
        return tables.seen(connection, keys, now, window)

    def _open(self) -> sqlite3.Connection:
        connection = connect(Path(":memory:"))
        connection.executescript(SCHEMA)
        return connection

    def _after_failure(self, connection: sqlite3.Connection, error: Exception) -> sqlite3.Connection:
        """Bring the figures in line with the tables again; return the connection to go on with."""
        if not tables.is_damage(error):
            self._load(connection)
        return connection

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - everything is on disk already
        commits, self._commits = self._commits, None
        if commits is not None:
            self.stop_waiting()
            commits.close()

    @property
    def _open_commits(self) -> GroupCommit:
        if self._commits is None:
            raise QueueUnavailableError("the queue is shut down")
        return self._commits

    def _load(self, connection: sqlite3.Connection) -> None:
        """Take the figures from the tables: at the start, after a transaction that failed, and when in doubt."""
        size, found = tables.stored_bytes(connection), tables.figures(connection)
        self._recent.clear()
        with self._changed:
            self._bytes = size
            for channel in self._channels.values():
                channel.batches = channel.events = channel.position = 0
            for exporter, batches, events in found:
                channel = self._channels.setdefault(exporter, Channel())
                channel.batches, channel.events = batches, events

    # ---- putting in ----

    def put(self, entries: Sequence[Entry]) -> list[bool]:
        rows = [(row, encode_batch(row.batch)) for row in rows_of(entries)]
        return self._open_commits.run(lambda connection: self._write(connection, entries, rows))

    def _write(
        self, connection: sqlite3.Connection, entries: Sequence[Entry], rows: Sequence[tuple[Row, bytes]]
    ) -> Finish[list[bool]]:
        if not self._is_in_place():
            raise sqlite3.OperationalError("its file has vanished")
        now, window = self.host.clock(), int(self.config.dedup_window * _NANOS)
        seen = self._seen(connection, [entry.key for entry in entries], now, window)
        fresh = [entry.key not in seen for entry in entries]
        if seen:
            rows = [(row, encode_batch(row.batch)) for row in rows_of(list(compress(entries, fresh)))]
        size = sum(len(payload) for _, payload in rows)
        dropped = self._make_room(connection, size)
        self._tidy(connection, now, window)
        if window:
            tables.remember(connection, [entry.key for entry in compress(entries, fresh)], now)
        inserted = [(tables.insert(connection, row, payload), len(payload), row.batch.events) for row, payload in rows]
        self._bytes += size  # at once: the next write of this group must see it

        def finish() -> list[bool]:
            self._forget_dropped(dropped)
            for each in inserted:
                self._recent.add(*each)
            self._announce([row for row, _ in rows])
            return fresh

        return finish

    def _is_in_place(self) -> bool:
        """Say whether what is written now will be found by the next process."""
        return True

    def _make_room(self, connection: sqlite3.Connection, size: int) -> list[tables.Dropped]:
        excess = self._bytes + size - int(self.config.max_bytes)
        if excess <= 0 or not self._bytes:  # an empty queue takes any request: one that never fits would wait for ever
            return []
        if self.config.when_full == "reject" or size > self.config.max_bytes:
            raise QueueFullError(f"the queue holds {self._bytes} bytes of {int(self.config.max_bytes)}")
        with self._changed:
            leased = {seq for channel in self._channels.values() for seq in channel.holders}
        dropped, freed = tables.drop_oldest(connection, excess, leased)
        self._bytes -= freed
        return dropped

    def _forget_dropped(self, dropped: Sequence[tables.Dropped]) -> None:
        with self._changed:
            for exporter, seq, events in dropped:
                self._channels[exporter].settle([seq], events=events)
        for exporter, _, events in dropped:
            self.host.counters.add("dropped", exporter, events, reason="queue_full")

    def _tidy(self, connection: sqlite3.Connection, now: int, window: int) -> None:
        if abs(now - self._tidied) > _TIDY_INTERVAL:
            self._tidied = now
            tables.forget_seen(connection, now, window)

    def _announce(self, rows: Sequence[Row]) -> None:
        with self._changed:
            for row in rows:
                for exporter in row.exporters:
                    channel = self._channels.setdefault(exporter, Channel())
                    channel.batches += 1
                    channel.events += len(row.batch)
            self._changed.notify_all()

    # ---- taking out ----

    def lease(
        self, exporter: str, *, max_events: int, max_bytes: int, timeout: float, strict: bool = False
    ) -> Lease | None:
        deadline = time.monotonic() + timeout
        with self._changed:
            channel = self._channels.setdefault(exporter, Channel())
            channel.expire(time.monotonic())
            while self._waiting and not channel.available:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            if not channel.available:
                return None
        limits = _Limits(max_events, max_bytes, strict)
        leased, damaged = self._open_commits.read(lambda connection: self._read(connection, exporter, channel, limits))
        if damaged:
            self._open_commits.run(lambda connection: self._quarantine(connection, exporter, damaged))
        elif not leased and not strict and channel.available:  # rows have vanished in a damaged file
            self._open_commits.read(self._load)
        return Lease(exporter, leased) if leased else None

    def _read(
        self, connection: sqlite3.Connection, exporter: str, channel: Channel, limits: _Limits
    ) -> tuple[list[LeasedBatch], dict[int, str]]:
        room_events, room_bytes, strict = limits
        token = next(self._tokens)
        leased: list[LeasedBatch] = []
        damaged: dict[int, str] = {}
        for row in self._rows(connection, exporter, channel, damaged):
            seq, number, remaining, attempts, first_attempt, payload, crc = row
            recent = self._recent.get(seq)
            size = recent[0] if recent else len(payload or b"")
            if (leased or strict) and (number > room_events or size > room_bytes):
                break
            if seq in channel.holders:
                continue
            try:
                events = tables.left_of(recent[1], remaining) if recent else tables.restore(payload, crc, remaining)
            except tables.DamagedBatchError as error:
                damaged[seq] = str(error)
                continue
            leased.append(LeasedBatch(seq, events, attempts, first_attempt, size, token))
            room_events, room_bytes = room_events - number, room_bytes - size
        with self._changed:
            channel.lease(leased, time.monotonic() + self.config.lease_timeout)
        return leased, damaged

    def _rows(
        self, connection: sqlite3.Connection, exporter: str, channel: Channel, damaged: dict[int, str]
    ) -> Iterator[tables.Row]:
        """Yield what waits; where the file itself is damaged, note the batch that cannot be read and end there."""
        last = channel.position
        try:
            for row in tables.rows_after(connection, exporter, last, self._recent.first):
                yield row
                last = row[0]
        except FILE_ERRORS as error:
            if not tables.is_damage(error):
                raise
            seq = tables.next_number(connection, exporter, last)
            if seq is not None:
                damaged[seq] = str(error)

    def _quarantine(self, connection: sqlite3.Connection, exporter: str, damaged: Mapping[int, str]) -> Finish[None]:
        """Put batches that cannot be read aside, so that they stop no others (promise P8)."""
        lost = sum(tables.quarantine(connection, exporter, seq, reason) for seq, reason in damaged.items())
        freed = sum(tables.delete_if_settled(connection, seq, tuple(self._channels)) for seq in damaged)

        def finish() -> None:
            with self._changed:
                self._bytes -= freed
                self._channels[exporter].settle(damaged, events=lost)
            self.host.counters.add("dropped", exporter, lost, reason="damaged")
            self.host.logger.error("%d batches in the queue cannot be read and were put in quarantine", len(damaged))

        return finish

    # ---- settling ----

    def ack(self, lease: Lease, event_ids: Collection[str] | None = None) -> int:
        return self._settle(lease, None if event_ids is None else set(event_ids), {})

    def dead_letter(self, lease: Lease, reasons: Mapping[str, str]) -> int:
        return self._settle(lease, set(reasons), reasons)

    def nack(self, lease: Lease) -> None:
        with self._changed:
            channel = self._channels[lease.exporter]
            seqs = [leased.seq for leased in channel.held(lease)]
        lease.batches = []
        now = self.host.clock()

        def write(connection: sqlite3.Connection) -> Finish[None]:
            tables.count_attempt(connection, lease.exporter, seqs, now)
            return lambda: None

        try:
            self._open_commits.run(write)
        finally:  # a count that cannot be kept is no reason to keep the batches from being tried again
            with self._changed:
                channel.give_back(seqs)
                self._changed.notify_all()

    def _settle(self, lease: Lease, settled: set[str] | None, reasons: Mapping[str, str]) -> int:
        now = self.host.clock()

        def write(connection: sqlite3.Connection) -> Finish[int]:
            with self._changed:
                held = self._channels[lease.exporter].held(lease)
            kept: list[LeasedBatch] = []
            done: list[LeasedBatch] = []
            for leased in held:
                left = () if settled is None else tuple(e for e in leased.events if e.id not in settled)
                tables.insert_dead_letters(connection, lease.exporter, leased, reasons, now)
                if left:
                    kept.append(tables.keep(connection, lease.exporter, leased, left))
                else:
                    done.append(leased)
            freed = tables.finish(connection, lease.exporter, done, tuple(self._channels))
            if freed:
                tables.give_pages_back(connection)
            return lambda: self._settled(lease, held, kept, freed)

        return self._open_commits.run(write, synced=bool(reasons))  # delivered twice, at worst, after a power loss

    def _settled(self, lease: Lease, held: list[LeasedBatch], kept: list[LeasedBatch], freed: int) -> int:
        done = {leased.seq for leased in held} - {leased.seq for leased in kept}
        if len(self._channels) == 1:  # else another exporter may still want them; then they go with age
            for seq in done:
                self._recent.forget(seq)
        events = sum(len(leased.events) for leased in held) - sum(len(leased.events) for leased in kept)
        lease.batches = kept
        with self._changed:
            self._bytes -= freed
            self._channels[lease.exporter].settle(done, events=events)
        return events

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
    _workers = 1
    _siblings: Siblings | None = None

    def share(self, workers: int) -> None:
        self._workers = workers

    def _open(self) -> sqlite3.Connection:
        path = self.config.path or default_path()
        self._path = path_of(path, self.host.worker)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(self._path)
            connection = self._opened(open_database(self._path))
            if self._workers > 1:
                self._siblings = Siblings(path, self.host.worker, self._workers)
            for orphan in adopt_orphans(path, self._workers, connection) if self.host.worker == 1 else ():
                self.host.logger.info("took over what was left in %s", orphan)
        except (OSError, *FILE_ERRORS) as error:
            raise ConfigurationError(
                f"the queue {self._path} cannot be opened: {error}; set service.queue.path"
            ) from error
        return connection

    def _alone(self) -> AbstractContextManager[None]:
        return nullcontext() if self._siblings is None else self._siblings.alone()

    def _seen(self, connection: sqlite3.Connection, keys: Sequence[str], now: int, window: int) -> set[str]:
        seen = tables.seen(connection, keys, now, window)
        return seen if self._siblings is None else seen | self._siblings.seen(keys, now, window)

    def _opened(self, opened: Opened) -> sqlite3.Connection:
        if opened.aside is not None:
            self.host.count("damaged_files")
            self.host.logger.error(
                "the queue %s was damaged or is not ours; %d batches of it are delivered, the file is kept as %s",
                self._path,
                opened.recovered,
                opened.aside,
            )
        self._inode = self._path.stat().st_ino
        return opened.connection

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _after_failure(self, connection: sqlite3.Connection, error: Exception) -> sqlite3.Connection:
        """Go on with a new file where this one is damaged or has vanished; batches keep their numbers, leases hold."""
        if not self._is_in_place():
            self.host.logger.error("the queue %s has vanished; it is written anew", self._path)
            connection = put_back(connection, self._path)
        elif tables.is_damage(error):
            connection.close()
            connection = self._opened(replace_database(self._path))
        self._inode = self._path.stat().st_ino
        self._load(connection)
        return connection

    def shutdown(self, timeout: float) -> None:
        running = self._commits is not None
        super().shutdown(timeout)
        if running:
            self._lock.release()
            if self._siblings is not None:
                self._siblings.close()
