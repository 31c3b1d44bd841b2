"""A queue that keeps its contract, and queues that break it, each in one way. Run by test_contracts_catch.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from beacon_core import (
    Entry,
    Host,
    Lease,
    LeasedBatch,
    Queue,
    QueueFullError,
    encode_batch,
)
from beacon_core.testing import QueueContract
from tests.unit.testing.list_queue import ListConfig, ListQueue


def stubborn(**options: Any) -> type[ListQueue]:
    """Return a queue that goes by its own options, whatever it is given."""

    class kind(ListQueue):  # noqa: N801 - the member's name, here and below
        def start(self, host: Host) -> None:
            self.config = self.config.model_copy(update=options)
            super().start(host)

    return kind


class Contract(QueueContract):
    patience = 20.0
    breaks: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[type[Queue]] = ListQueue

    @pytest.fixture
    def make_queue(self) -> Callable[..., Queue]:
        return lambda **options: self.kind(ListConfig(**options))


class TestGood(Contract):
    pass


class TestSaysItIsDurable(Contract):
    durable = True
    breaks = (
        "test_p3_what_is_not_settled_survives_a_restart_and_nothing_else",
        "test_a_dead_letter_stays_dead_after_a_restart",
        "test_p5_the_window_survives_a_restart",
    )


class TestStoresOneAfterTheOther(Contract):
    breaks = ("test_p4_a_request_that_does_not_fit_stores_nothing",)

    class kind(ListQueue):  # noqa: N801
        def put(self, entries: Sequence[Entry]) -> list[bool]:
            return [super(TestStoresOneAfterTheOther.kind, self).put([entry])[0] for entry in entries]


class TestRemembersWhatItRefused(Contract):
    breaks = (
        "test_p1_a_request_larger_than_the_queue_is_taken_once_the_queue_is_empty",
        "test_p4_a_request_that_does_not_fit_stores_nothing",
        "test_room_comes_back_when_every_exporter_has_settled",
    )

    class kind(ListQueue):  # noqa: N801
        def put(self, entries: Sequence[Entry]) -> list[bool]:
            try:
                return super().put(entries)
            except QueueFullError:
                self.seen.update((entry.key, self.now()) for entry in entries)
                raise


class TestFreesRoomWithTheFirstExporter(Contract):
    breaks = ("test_room_comes_back_when_every_exporter_has_settled",)

    class kind(ListQueue):  # noqa: N801
        def settle(self, lease: Lease, ids: Collection[str] | None) -> int:
            count = super().settle(lease, ids)
            self.sizes = {}
            return count


class TestHasAClockOfItsOwn(Contract):
    breaks = (
        "test_p5_a_repeated_request_is_stored_once_within_the_window",
        "test_p5_a_clock_that_jumps_back_makes_nothing_look_repeated",
        "test_a_batch_that_is_given_back_comes_first_again_with_one_more_attempt",  # and when that was
    )

    class kind(ListQueue):  # noqa: N801
        def now(self) -> int:
            return time.time_ns()


class TestForgetsWhatItDelivered(Contract):
    breaks = ("test_p5_a_repetition_is_found_after_delivery_too",)

    class kind(ListQueue):  # noqa: N801
        def settle(self, lease: Lease, ids: Collection[str] | None) -> int:
            self.seen = {}
            return super().settle(lease, ids)


class TestDoesNotRememberEmptyBatches(Contract):
    breaks = ("test_a_batch_that_was_filtered_empty_is_remembered_and_not_delivered",)

    class kind(ListQueue):  # noqa: N801
        def store(self, entry: Entry, size: int) -> None:
            if len(entry.batch):
                super().store(entry, size)


class TestAcknowledgesEverything(Contract):
    breaks = ("test_part_of_a_batch_can_be_acknowledged", "test_settling_says_how_many_events_it_has_settled")

    class kind(ListQueue):  # noqa: N801
        def ack(self, lease: Lease, event_ids: Collection[str] | None = None) -> int:
            return self.settle(lease, None)


class TestKeepsDeadLetters(Contract):
    breaks = ("test_a_dead_letter_leaves_the_queue", "test_settling_says_how_many_events_it_has_settled")

    class kind(ListQueue):  # noqa: N801
        def dead_letter(self, lease: Lease, reasons: Mapping[str, str]) -> int:
            return len(reasons)


class TestLetsWaitingLeasesWait(Contract):
    patience = 1.5
    breaks = ("test_stop_waiting_ends_a_lease_that_waits_and_every_later_one",)

    class kind(ListQueue):  # noqa: N801
        def stop_waiting(self) -> None:
            pass


class TestRacesWithItself(Contract):
    breaks = ("test_p4_what_threads_put_at_the_same_time_is_stored_once",)

    class kind(ListQueue):  # noqa: N801
        def put(self, entries: Sequence[Entry]) -> list[bool]:
            fresh = [not self.repeated(entry.key) for entry in entries]
            time.sleep(0.005)
            forgotten = [entry for entry, new in zip(entries, fresh, strict=True) if new]
            with self.changed:
                for entry in forgotten:
                    self.seen.pop(entry.key, None)
                super().put(forgotten)
            return fresh


class TestAcceptsAfterItsEnd(Contract):
    breaks = ("test_a_queue_that_is_shut_down_refuses",)

    class kind(ListQueue):  # noqa: N801
        def shutdown(self, timeout: float) -> None:
            pass


class TestNeverTakesWhatIsTooLarge(Contract):
    breaks = ("test_p1_a_request_larger_than_the_queue_is_taken_once_the_queue_is_empty",)

    class kind(ListQueue):  # noqa: N801
        def put(self, entries: Sequence[Entry]) -> list[bool]:
            if sum(len(encode_batch(entry.batch)) for entry in entries) > self.config.max_bytes:
                raise QueueFullError("too large")
            return super().put(entries)


class TestHasNoLimit(Contract):
    kind = stubborn(max_bytes=1 << 40)
    breaks = (
        "test_p1_a_request_larger_than_the_queue_is_taken_once_the_queue_is_empty",
        "test_p4_a_request_that_does_not_fit_stores_nothing",
        "test_room_comes_back_when_every_exporter_has_settled",
        "test_the_oldest_batches_that_nobody_has_leased_can_be_dropped_and_are_counted",
    )


class TestExpiresNoLease(Contract):
    kind = stubborn(lease_timeout=600)
    breaks = ("test_an_expired_lease_is_given_to_the_next_and_settles_nothing_any_more",)


class TestSettlesForExpiredLeases(Contract):
    breaks = ("test_an_expired_lease_is_given_to_the_next_and_settles_nothing_any_more",)

    class kind(ListQueue):  # noqa: N801
        def held(self, lease: Lease) -> list[LeasedBatch]:
            return [batch for batch in lease.batches if batch.seq in self.leased[lease.exporter]]


class TestLeasesWhatIsLeased(Contract):
    breaks = (
        "test_a_leased_batch_is_given_to_nobody_else",
        "test_batches_come_out_in_the_order_of_acceptance_within_the_limit_of_events",
    )

    class kind(ListQueue):  # noqa: N801
        def lease(self, exporter: str, **limits: Any) -> Lease | None:
            again = sorted(self.leased.get(exporter, {}))[:2]
            found = super().lease(exporter, **limits)
            return Lease(exporter, [self.leased[exporter][again[0]][0]]) if found is None and len(again) > 1 else found


class TestIgnoresTheLimitOfBytes(Contract):
    breaks = ("test_the_limit_of_bytes_counts_what_is_stored",)

    class kind(ListQueue):  # noqa: N801
        def lease(self, exporter: str, **limits: Any) -> Lease | None:
            return super().lease(exporter, **limits | {"max_bytes": 1 << 30})


class TestIsNeverStrict(Contract):
    breaks = ("test_a_strict_lease_takes_nothing_that_is_over_the_limit",)

    class kind(ListQueue):  # noqa: N801
        def lease(self, exporter: str, **limits: Any) -> Lease | None:
            return super().lease(exporter, **limits | {"strict": False})


class TestCountsNoAttempts(Contract):
    breaks = ("test_a_batch_that_is_given_back_comes_first_again_with_one_more_attempt",)

    class kind(ListQueue):  # noqa: N801
        def take(self, exporter: str, batch: LeasedBatch) -> LeasedBatch:
            return super().take(exporter, replace(batch, attempts=0))


class TestTakesBackWhatWasAcknowledged(Contract):
    breaks = ("test_an_acknowledged_batch_is_gone", "test_part_of_a_batch_can_be_acknowledged")

    class kind(ListQueue):  # noqa: N801
        acknowledged: tuple[Lease, list[LeasedBatch]] | None = None

        def ack(self, lease: Lease, event_ids: Collection[str] | None = None) -> int:
            self.acknowledged = (lease, lease.batches)
            return super().ack(lease, event_ids)

        def nack(self, lease: Lease) -> None:
            super().nack(lease)
            if self.acknowledged is not None and self.acknowledged[0] is lease:
                self.waiting[lease.exporter] += self.acknowledged[1]


class TestPutsWhatIsGivenBackLast(Contract):
    breaks = (
        "test_a_batch_that_is_given_back_comes_first_again_with_one_more_attempt",
        "test_the_limit_of_bytes_counts_what_is_stored",  # which gives one back, too
    )

    class kind(ListQueue):  # noqa: N801
        def give_back(self, exporter: str, batch: LeasedBatch) -> None:
            self.waiting[exporter].append(batch)


class TestGivesNothingAfterStopWaiting(Contract):
    breaks = ("test_what_is_stored_is_leased_after_stop_waiting_too",)

    class kind(ListQueue):  # noqa: N801
        def lease(self, exporter: str, **limits: Any) -> Lease | None:
            found = super().lease(exporter, **limits)
            return found if self.patient else None
