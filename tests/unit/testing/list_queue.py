"""A queue that keeps its contract, as simple as can be: what the mutants of the queue are made of."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from beacon_core import (
    Backlog,
    ComponentConfig,
    Entry,
    Host,
    Lease,
    LeasedBatch,
    Queue,
    QueueFullError,
    QueueUnavailableError,
    encode_batch,
)


class ListConfig(ComponentConfig):
    max_bytes: int = 1 << 30
    when_full: str = "reject"
    dedup_window: float = 600
    lease_timeout: float = 600


class ListQueue(Queue):
    """Batches in lists, one an exporter; a batch takes room until the last exporter has settled it."""

    config_class = ListConfig
    config: ListConfig

    def start(self, host: Host) -> None:
        super().start(host)
        self.changed = threading.Condition(threading.RLock())
        self.waiting: dict[str, list[LeasedBatch]] = {}
        self.leased: dict[str, dict[int, tuple[LeasedBatch, float]]] = {}
        self.seen: dict[str, int] = {}
        self.sizes: dict[int, int] = {}
        self.number = self.token = 0
        self.patient = self.open = True

    def shutdown(self, timeout: float) -> None:
        self.open = False

    def now(self) -> int:
        return self.host.clock()

    def repeated(self, key: str) -> bool:
        return key in self.seen and abs(self.now() - self.seen[key]) <= self.config.dedup_window * 1e9

    def put(self, entries: Sequence[Entry]) -> list[bool]:
        with self.changed:
            if not self.open:
                raise QueueUnavailableError("shut down")
            fresh = [not self.repeated(entry.key) for entry in entries]
            sizes = [len(encode_batch(entry.batch)) for entry in entries]
            size = sum(size for size, new in zip(sizes, fresh, strict=True) if new)
            while self.sizes and sum(self.sizes.values()) + size > self.config.max_bytes:
                self.make_room()
            for entry, size, new in zip(entries, sizes, fresh, strict=True):
                if new:
                    self.store(entry, size)
            self.changed.notify_all()
            return fresh

    def make_room(self) -> None:
        leased = {seq for batches in self.leased.values() for seq in batches}
        oldest = min(self.sizes.keys() - leased, default=None)
        if self.config.when_full == "reject" or oldest is None:
            raise QueueFullError("full")
        del self.sizes[oldest]
        for exporter, batches in self.waiting.items():
            for batch in [batch for batch in batches if batch.seq == oldest]:
                batches.remove(batch)
                self.host.counters.add("dropped", exporter, len(batch.events), reason="queue_full")

    def store(self, entry: Entry, size: int) -> None:
        self.seen[entry.key] = self.now()
        if len(entry.batch):
            self.number += 1
            self.sizes[self.number] = size
            for exporter in entry.exporters:
                batch = LeasedBatch(self.number, entry.batch.events, attempts=0, first_attempt=0, size=size)
                self.waiting.setdefault(exporter, []).append(batch)
                self.leased.setdefault(exporter, {})

    def lease(
        self, exporter: str, *, max_events: int, max_bytes: int, timeout: float, strict: bool = False
    ) -> Lease | None:
        with self.changed:
            self.expire(exporter)
            self.changed.wait_for(lambda: not self.patient or self.waiting.get(exporter), timeout)
            lease, waiting = Lease(exporter), self.waiting.get(exporter, [])
            while waiting:
                batch = waiting[0]
                if (lease.batches or strict) and (len(batch.events) > max_events or batch.size > max_bytes):
                    break
                max_events, max_bytes = max_events - len(batch.events), max_bytes - batch.size
                lease.batches.append(self.take(exporter, waiting.pop(0)))
            return lease if lease.batches else None

    def take(self, exporter: str, batch: LeasedBatch) -> LeasedBatch:
        self.token += 1
        taken = replace(batch, token=self.token)
        self.leased[exporter][batch.seq] = (taken, time.monotonic() + self.config.lease_timeout)
        return taken

    def expire(self, exporter: str) -> None:
        for seq, (batch, deadline) in [*self.leased.get(exporter, {}).items()]:
            if time.monotonic() > deadline:
                del self.leased[exporter][seq]
                self.give_back(exporter, batch)

    def give_back(self, exporter: str, batch: LeasedBatch) -> None:
        self.waiting[exporter].append(batch)
        self.waiting[exporter].sort(key=lambda batch: batch.seq)

    def held(self, lease: Lease) -> list[LeasedBatch]:
        leased = self.leased.get(lease.exporter, {})
        return [batch for batch in lease.batches if batch.seq in leased and leased[batch.seq][0].token == batch.token]

    def settle(self, lease: Lease, ids: Collection[str] | None) -> int:
        with self.changed:
            kept, count = [], 0
            for batch in self.held(lease):
                left = tuple(event for event in batch.events if ids is not None and event.id not in ids)
                count += len(batch.events) - len(left)
                _, deadline = self.leased[lease.exporter].pop(batch.seq)
                if left:
                    kept.append(replace(batch, events=left))
                    self.leased[lease.exporter][batch.seq] = (kept[-1], deadline)
            lease.batches = kept
            alive = {batch.seq for batches in self.waiting.values() for batch in batches}
            alive |= {seq for batches in self.leased.values() for seq in batches}
            self.sizes = {seq: size for seq, size in self.sizes.items() if seq in alive}
            return count

    def ack(self, lease: Lease, event_ids: Collection[str] | None = None) -> int:
        return self.settle(lease, event_ids)

    def dead_letter(self, lease: Lease, reasons: Mapping[str, str]) -> int:
        return self.settle(lease, set(reasons))

    def nack(self, lease: Lease) -> None:
        with self.changed:
            for batch in self.held(lease):
                del self.leased[lease.exporter][batch.seq]
                tried = replace(batch, attempts=batch.attempts + 1, first_attempt=batch.first_attempt or self.now())
                self.give_back(lease.exporter, tried)
            lease.batches = []

    def backlogs(self) -> dict[str, Backlog]:
        with self.changed:
            found = {}
            for exporter in self.waiting:
                batches = [*self.waiting[exporter], *(batch for batch, _ in self.leased[exporter].values())]
                found[exporter] = Backlog(sum(len(batch.events) for batch in batches), len(batches))
            return found

    def stop_waiting(self) -> None:
        with self.changed:
            self.patient = False
            self.changed.notify_all()
