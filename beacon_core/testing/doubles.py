"""Events, batches and a consumer for tests."""

from __future__ import annotations

import threading
from typing import Any

from beacon_core.event import Batch, Event


def make_event(number: int = 0, **changes: Any) -> Event:
    """Return a log event with id `test-<number>`; `changes` are members of `Event`."""
    members: dict[str, Any] = {
        "id": f"test-{number}",
        "signal": "log",
        "name": "test.event",
        "time_unix_nano": 1_795_145_112_904_000_000 + number,
        "body": f"event {number}",
        "attributes": {"number": number},
        "resource": {"service.name": "test"},
    }
    return Event(**members | changes)


def make_batch(count: int = 1, *, id: str = "test", **changes: Any) -> Batch:  # noqa: A002 - the member's name
    """Return a batch of `count` events with ids `<id>-0`, `<id>-1` ...; `changes` are members of every `Event`."""
    return Batch(id, tuple(make_event(n, id=f"{id}-{n}", **changes) for n in range(count)))


class ListConsumer:
    """A consumer that keeps what it was given, in `batches`. Any thread.

    Args:
        error: raised by the next call of `consume` instead of keeping the batch, once.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.batches: list[Batch] = []
        self._lock = threading.Lock()

    @property
    def events(self) -> list[Event]:
        """All events, in order of arrival."""
        return [event for batch in self.batches for event in batch]

    def consume(self, batch: Batch) -> None:
        """Keep a batch."""
        with self._lock:
            error, self.error = self.error, None
            if error is not None:
                raise error
            self.batches.append(batch)
