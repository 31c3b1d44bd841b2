"""The events of batches that were stored a moment ago: a worker that keeps up need not read and decode them again."""

from __future__ import annotations

from beacon_core.event import Event

#: Bytes of batches as stored; as objects they take about three times as much.
LIMIT = 4 * 1024 * 1024

_NONE = 2**63 - 1  # higher than any number of a batch


class Recent:
    """The newest batches, without a gap between them; only with the lead of the queue's `GroupCommit`.

    Args:
        limit: bytes of batches, as stored; the oldest have to go.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._batches: dict[int, tuple[int, tuple[Event, ...]]] = {}

    @property
    def first(self) -> int:
        """The lowest number that is here; every batch behind it is here, too, unless it is settled."""
        return next(iter(self._batches), _NONE)

    def get(self, seq: int) -> tuple[int, tuple[Event, ...]] | None:
        """Return a batch's stored size and events."""
        return self._batches.get(seq)

    def add(self, seq: int, size: int, events: tuple[Event, ...]) -> None:
        """Keep a batch that is on disk now; called in the order of their numbers."""
        self._batches[seq] = (size, events)
        self._size += size
        while self._size > self._limit:
            self.forget(self.first)

    def forget(self, seq: int) -> None:
        """Drop a batch, which may have gone already."""
        size, _ = self._batches.pop(seq, (0, ()))
        self._size -= size

    def clear(self) -> None:
        """Drop everything: what is stored now may be something else."""
        self._batches.clear()
        self._size = 0
