"""What a queue knows in memory about one exporter: how much waits, and what is leased."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from beacon_core.queue import Lease, LeasedBatch


@dataclass(slots=True)
class Channel:
    """One exporter's share of a queue; guarded by the queue's lock.

    Attributes:
        events: not settled, leased or not.
        batches: the same in batches.
        holders: by the number of a leased batch: the lease's token, and until when on the monotonic clock.
        position: the number of the last batch that was leased; nothing before it waits, but what is leased.
    """

    events: int = 0
    batches: int = 0
    holders: dict[int, tuple[int, float]] = field(default_factory=dict)
    position: int = 0

    @property
    def available(self) -> bool:
        """Whether there is a batch that nobody has."""
        return self.batches > len(self.holders)

    def lease(self, batches: Iterable[LeasedBatch], until: float) -> None:
        """Mark batches as taken by a worker."""
        for leased in batches:
            self.holders[leased.seq] = (leased.token, until)
            self.position = max(self.position, leased.seq)

    def held(self, lease: Lease) -> list[LeasedBatch]:
        """Return the batches that a lease still has: all, unless it expired."""
        return [b for b in lease.batches if self.holders.get(b.seq, (None, 0.0))[0] == b.token]

    def expire(self, now: float) -> None:
        """Take batches back from workers that have kept them for too long."""
        self.give_back([seq for seq, (_, until) in self.holders.items() if until < now])

    def give_back(self, seqs: Iterable[int]) -> None:
        """Make leased batches available again, in their old place."""
        for seq in seqs:
            self.holders.pop(seq, None)
            self.position = min(self.position, seq - 1)

    def settle(self, seqs: Iterable[int], *, events: int) -> None:
        """Forget batches that are done, and events that are, also those of batches that are not done yet."""
        for seq in seqs:
            self.holders.pop(seq, None)
            self.batches -= 1
        self.events -= events
