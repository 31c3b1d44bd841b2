"""Events, batches, consumers and a clock for tests."""

from __future__ import annotations

import threading
from collections.abc import Sequence
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


class ManualClock:
    """A clock for `Host.clock` that stands still until it is told to move.

    Attributes:
        now: Unix nanoseconds.
    """

    def __init__(self, now: int = 1_795_145_112_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time, in Unix nanoseconds."""
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass, or go back where `seconds` is negative."""
        self.now += int(seconds * 1_000_000_000)


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

    def consume_all(self, batches: Sequence[Batch]) -> None:
        """Keep batches, one by one."""
        for batch in batches:
            self.consume(batch)


class RefusingConsumer(ListConsumer):
    """A consumer that raises `error` at every call until `accept` is called, then keeps what it is given.

    Attributes:
        refused: set once a batch was refused.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.refused = threading.Event()
        self._refusal: Exception | None = error

    def consume(self, batch: Batch) -> None:
        """Refuse a batch, or keep it."""
        refusal = self._refusal
        if refusal is not None:
            self.refused.set()
            raise refusal
        super().consume(batch)

    def accept(self) -> None:
        """Keep what is given from now on."""
        self._refusal = None


class HeldConsumer(ListConsumer):
    """A consumer whose calls last until `release` is called, as with a slow disk.

    Attributes:
        entered: set once a batch has come.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self._released = threading.Event()

    def consume(self, batch: Batch) -> None:
        """Keep a batch once it is released."""
        self.entered.set()
        self._released.wait()
        super().consume(batch)

    def release(self) -> None:
        """Let everything through, from now on too."""
        self._released.set()
