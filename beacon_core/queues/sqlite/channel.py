"""What a queue knows in memory about one exporter: how much waits, and what is leased."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Channel:
    """One exporter's share of a queue; guarded by the queue's lock.

    Attributes:
        events: not settled, leased or not.
        batches: the same in batches.
        leased: numbers of the batches that a worker has.
        position: the number of the last batch that was leased; nothing before it waits, but what is leased.
    """

    events: int = 0
    batches: int = 0
    leased: set[int] = field(default_factory=set)
    position: int = 0

    @property
    def available(self) -> bool:
        """Whether there is a batch that nobody has."""
        return self.batches > len(self.leased)

    def lease(self, seqs: list[int]) -> None:
        """Mark batches as taken by a worker."""
        self.leased.update(seqs)
        self.position = max([self.position, *seqs])

    def settle(self, *, batches: int, events: int) -> None:
        """Forget what was delivered or given up."""
        self.batches -= batches
        self.events -= events

    def give_back(self, seqs: list[int]) -> None:
        """Make leased batches available again, in their old place."""
        self.leased.difference_update(seqs)
        self.position = min([self.position, *(seq - 1 for seq in seqs)])
