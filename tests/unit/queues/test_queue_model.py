"""The durable queue against a model: random operations, with restarts between any two (promises P3, P4)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from beacon_core import Backlog, Entry, Host, Lease
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch

EXPORTERS = ("file", "splunk")


class QueueModel(RuleBasedStateMachine):
    """The model is, for each exporter, the ids that wait, by batch and in order; and what is leased."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.waiting: dict[str, dict[str, list[str]]] = {name: {} for name in EXPORTERS}
        self.leases: dict[str, Lease] = {}
        self.leased: dict[str, list[str]] = {name: [] for name in EXPORTERS}
        self.dead: list[str] = []
        self.number = 0
        self.lives = 0
        self.open()

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / str(self.lives) / "queue.db"

    def open(self) -> None:
        self.queue = SqliteQueue(SqliteQueue.config_class(path=self.path))
        self.queue.start(Host("queue"))

    def teardown(self) -> None:
        self.queue.shutdown(1)
        self.folder.cleanup()

    def in_order(self, exporter: str) -> Iterator[tuple[str, list[str]]]:
        return iter(self.waiting[exporter].items())

    @rule(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=3), both=st.booleans())
    def put(self, sizes: list[int], both: bool) -> None:
        entries = []
        exporters = EXPORTERS if both else EXPORTERS[:1]
        for size in sizes:
            self.number += 1
            name = f"b{self.number:04}"
            entries.append(Entry(name, make_batch(size, id=name), exporters))
        ids = [event.id for entry in entries for event in entry.batch]  # small batches that come together stay together
        if ids:
            for exporter in exporters:
                self.waiting[exporter][name] = ids
        assert self.queue.put(entries) == [True] * len(entries)
        assert self.queue.put(entries) == [False] * len(entries)  # P5

    @rule(exporter=st.sampled_from(EXPORTERS), limit=st.integers(1, 8))
    def lease(self, exporter: str, limit: int) -> None:
        if exporter in self.leases:
            return
        expected: list[str] = []
        for name, ids in self.in_order(exporter):
            if self.leased[exporter] and len(expected) + len(ids) > limit:
                break
            expected += ids
            self.leased[exporter].append(name)
        lease = self.queue.lease(exporter, max_events=limit, max_bytes=1 << 20, timeout=0)
        found = [event.id for event in lease.events] if lease else []
        assert found == expected
        if lease is not None:
            self.leases[exporter] = lease

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), dead=st.booleans())
    def settle(self, data: st.DataObject, dead: bool) -> None:
        exporter = data.draw(st.sampled_from(sorted(self.leases)))
        lease = self.leases[exporter]
        ids = [event.id for event in lease.events]
        chosen = set(data.draw(st.lists(st.sampled_from(ids), unique=True))) if ids else set()
        if dead:
            self.queue.dead_letter(lease, dict.fromkeys(chosen, "because"))
            self.dead += sorted(chosen)
        else:
            self.queue.ack(lease, chosen)
        for name in self.leased[exporter]:
            left = [i for i in self.waiting[exporter][name] if i not in chosen]
            if left:
                self.waiting[exporter][name] = left
            else:
                del self.waiting[exporter][name]
        self.leased[exporter] = [name for name in self.leased[exporter] if name in self.waiting[exporter]]
        assert [event.id for event in lease.events] == [
            i for name in self.leased[exporter] for i in self.waiting[exporter][name]
        ]
        if not lease.events:
            del self.leases[exporter]

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def nack(self, data: st.DataObject) -> None:
        exporter = data.draw(st.sampled_from(sorted(self.leases)))
        self.queue.nack(self.leases.pop(exporter))
        self.leased[exporter] = []

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        """Open the queue again; after a crash from what a kill leaves on the disk: the file and its write-ahead log."""
        if crash:
            before = self.path
            self.lives += 1
            self.path.parent.mkdir()
            for suffix in ("", "-wal"):
                shutil.copy(f"{before}{suffix}", f"{self.path}{suffix}")
        self.queue.shutdown(1)
        self.leases.clear()
        self.leased = {name: [] for name in EXPORTERS}
        self.open()

    @invariant()
    def backlogs_are_exact(self) -> None:
        backlogs = self.queue.backlogs()
        for exporter in EXPORTERS:
            batches = self.waiting[exporter]
            expected = Backlog(sum(map(len, batches.values())), len(batches))
            assert backlogs.get(exporter, Backlog()) == expected


QueueModel.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestQueueModel = QueueModel.TestCase
