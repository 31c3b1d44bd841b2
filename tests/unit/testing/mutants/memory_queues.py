"""More queues that break their contract, made of the `memory` queue. Run by test_contracts_catch.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from beacon_core import ComponentConfig, Entry, Host, Lease, Queue, decode_line, encode_lines
from beacon_core.queues.sqlite import MemoryQueue
from beacon_core.testing import QueueContract


class Contract(QueueContract):
    patience = 20.0
    breaks: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[type[Queue]] = MemoryQueue

    @pytest.fixture
    def make_queue(self) -> Callable[..., Queue]:
        return lambda **options: self.kind(MemoryQueue.config_class(**options))


class TestGood(Contract):
    pass


class TestKeepsEventsAsJson(Contract):
    breaks = ("test_a_batch_comes_out_as_it_went_in",)  # there is no NaN and there are no bytes in JSON

    class kind(MemoryQueue):  # noqa: N801 - the member's name, here and below
        def lease(self, exporter: str, **limits: Any) -> Lease | None:
            lease = super().lease(exporter, **limits)
            for number, batch in enumerate(lease.batches if lease else ()):
                events = tuple(decode_line(line) for line in encode_lines(batch.events).split(b"\n") if line)
                lease.batches[number] = replace(batch, events=events)
            return lease


class TestStoresForOneExporterOnly(Contract):
    breaks = (
        "test_p4_every_exporter_gets_every_event_and_settles_it_alone",
        "test_room_comes_back_when_every_exporter_has_settled",
        "test_the_oldest_batches_that_nobody_has_leased_can_be_dropped_and_are_counted",
    )

    class kind(MemoryQueue):  # noqa: N801
        def put(self, entries: Sequence[Entry]) -> list[bool]:
            return super().put([replace(entry, exporters=entry.exporters[:1]) for entry in entries])


class TestSleepsWhileItWaits(Contract):
    patience = 1.5
    breaks = (
        "test_a_waiting_lease_gets_what_is_put_meanwhile",
        "test_stop_waiting_ends_a_lease_that_waits_and_every_later_one",
    )

    class kind(MemoryQueue):  # noqa: N801
        def lease(self, exporter: str, *, timeout: float, **limits: Any) -> Lease | None:
            time.sleep(min(timeout, 3))
            return super().lease(exporter, timeout=0, **limits)


class TestLeasesTheSameToThreadsThatMeet(Contract):
    patience = 1.5
    breaks = ("test_p4_threads_that_lease_at_the_same_time_share_no_event",)

    class kind(MemoryQueue):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            self.lock, self.inside = threading.Lock(), 0
            self.current: Lease | None = None

        def lease(self, exporter: str, **limits: Any) -> Lease | None:
            with self.lock:
                self.inside += 1
                if self.inside == 1:
                    self.current = super().lease(exporter, **limits)
                found = Lease(exporter, [*self.current.batches]) if self.current else None
            time.sleep(0.002)
            with self.lock:
                self.inside -= 1
            return found


class TestKeepsAFileOpen(Contract):
    patience = 1.5
    breaks = ("test_nothing_stays_open_after_shutdown",)
    kept: ClassVar[list[Any]] = []  # so that no warning tells either

    class kind(MemoryQueue):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            TestKeepsAFileOpen.kept.append(open(__file__, encoding="utf-8"))  # noqa: PTH123, SIM115


class TestConnectsInTheConstructor(Contract):
    breaks = ("test_the_constructor_only_stores",)

    class kind(MemoryQueue):  # noqa: N801
        def __init__(self, config: ComponentConfig) -> None:
            super().__init__(config)
            self._open().close()
