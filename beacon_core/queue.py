"""The interface of queues: the only thing between receiving and delivering."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from beacon_core.component import Component
from beacon_core.errors import ConfigurationError
from beacon_core.event import Batch, Event


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch on its way into the queue.

    Attributes:
        key: what finds a repeated request (promise P5): an entry whose key was stored within the dedup window is not
            stored again.
        batch: what to store; already sanitized.
        exporters: the ids of the exporters that are to deliver it.
    """

    key: str
    batch: Batch
    exporters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeasedBatch:
    """One stored batch, or what is left of it, in the hands of a worker.

    Attributes:
        seq: its number in the queue; later batches have higher ones.
        events: what is not settled yet.
        attempts: how often delivery was tried before.
        first_attempt: when that was for the first time, in Unix nanoseconds; 0 if never.
        size: bytes it takes in the queue.
        token: tells this lease of the batch from earlier ones.
    """

    seq: int
    events: tuple[Event, ...]
    attempts: int
    first_attempt: int
    size: int
    token: int = 0


@dataclass(slots=True)
class Lease:
    """Batches that one exporter's worker is delivering; nobody else gets them before the lease expires."""

    exporter: str
    batches: list[LeasedBatch] = field(default_factory=list)

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, in order."""
        return tuple(event for leased in self.batches for event in leased.events)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one exporter, leased or not."""

    events: int = 0
    batches: int = 0


class Queue(Component):
    """Keeps accepted batches until every exporter has settled them. Every method may be called from any thread."""

    def share(self, workers: int) -> None:
        """Be the queue of several processes; a request that is sent again to another of them has to be recognized."""
        raise ConfigurationError(
            f"cannot serve {workers} processes; take the queue `sqlite`, or set service.workers to 1"
        )

    @abstractmethod
    def put(self, entries: Sequence[Entry]) -> list[bool]:
        """Store entries in one transaction, all or none; when this returns they are durable (promise P1).

        Returns:
            One bool an entry: False where it was already there (a repeated request).

        Raises:
            QueueFullError: there is no room; nothing was stored.
            QueueUnavailableError: storing is impossible now; nothing was stored.
        """

    @abstractmethod
    def lease(
        self, exporter: str, *, max_events: int, max_bytes: int, timeout: float, strict: bool = False
    ) -> Lease | None:
        """Return the oldest batches for an exporter, or None if there are none within `timeout` seconds.

        At least one batch is returned if there is one, unless `strict` says that the limits hold for the first one too;
        more are added, in order, while the sums stay within the limits.
        Nobody else gets them until they are settled, given back with `nack`, or the lease has expired.
        """

    @abstractmethod
    def ack(self, lease: Lease, event_ids: Collection[str] | None = None) -> int:
        """Forget events that were delivered: those named, or all that the lease still holds.

        Returns:
            How many events that were. What the lease has lost because it expired is not among them: it is delivered
            again.
        """

    @abstractmethod
    def nack(self, lease: Lease) -> None:
        """Give back what the lease still holds; it is leased again, in its old place, with one more attempt counted."""

    @abstractmethod
    def dead_letter(self, lease: Lease, reasons: Mapping[str, str]) -> int:
        """Put events aside for good, with the reason of each by event id; they stay readable in the queue.

        Returns:
            How many events that were, as in `ack`.
        """

    @abstractmethod
    def backlogs(self) -> dict[str, Backlog]:
        """Return what waits, by exporter; also for exporters of earlier runs. Cheap: reads no storage."""

    @abstractmethod
    def stop_waiting(self) -> None:
        """Make every `lease` return at once from now on, also those that wait already: the run is ending."""
