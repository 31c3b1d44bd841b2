"""Events of lines become batches, handed to the consumer at its pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from msgspec.structs import force_setattr

from beacon_core.component import Host
from beacon_core.errors import QueueFullError, QueueUnavailableError
from beacon_core.event import Batch, Event, content_id
from beacon_core.receiver import Consumer

MAX_BATCH_BYTES = 256 * 1024
#: Seconds that an event waits for others at most.
MAX_WAIT = 0.2
_UNAVAILABLE_WAIT = 1.0
_SHORTEST_WAIT = 0.01
_LONGEST_WAIT_AT_THE_END = 1.0  # the queue may ask for more than there is time left


class Stop:
    """The wish that reading ends, from another thread, and how long what was read may still be handed over."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._deadline = float("inf")

    @property
    def requested(self) -> bool:
        """Whether no more is to be read."""
        return self._requested.is_set()

    def request(self, timeout: float) -> None:
        """Ask for the end; whoever is in `pause` goes on at once. The earliest of several deadlines counts."""
        self._deadline = min(self._deadline, time.monotonic() + timeout)
        self._requested.set()

    def pause(self, seconds: float) -> bool:
        """Wait before another try; False if there is no time left for one."""
        if not self.requested:
            self._requested.wait(seconds)
            return True
        left = self._deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(seconds, left, _LONGEST_WAIT_AT_THE_END))
        return True


class Handover:
    """Gathers events and hands them to the consumer, in order; used by the thread that reads only.

    A batch id is made of a nonce of this run, the batch's number and its lines. Content alone would do for a request,
    which a client repeats because it got no answer (promise P5); a line is read once, and the same line again, in this
    run or the next, is the same event happening again: it must not be taken for a repetition and left out.

    Args:
        consumer: where batches go.
        host: for counters and the log.
        stop: ends waiting for a consumer that takes nothing.
        nonce: random, new for every run.
        max_events: events in one batch at most.
    """

    def __init__(self, consumer: Consumer, host: Host, stop: Stop, nonce: bytes, max_events: int) -> None:
        self._consumer = consumer
        self._host = host
        self._stop = stop
        self._nonce = nonce
        self._max_events = max_events
        self._number = 0
        self._events: list[Event] = []
        self._lines: list[bytes] = []
        self._size = 0
        self._due = float("inf")  # monotonic time at which the events gathered go out, however few they are

    @property
    def patience(self) -> float:
        """Seconds that may be waited for input before `hand_over_what_is_due` has to be called."""
        return max(0.0, min(MAX_WAIT, self._due - time.monotonic()))

    def add(self, line: bytes, events: Sequence[Event]) -> None:
        """Take the events of a line; hands a batch over if it is full. Blocks while the consumer takes nothing."""
        if self._size + len(line) > MAX_BATCH_BYTES:
            self.hand_over()
        if not self._events:
            self._due = time.monotonic() + MAX_WAIT
        self._lines.append(line)
        self._events += events
        self._size += len(line)
        while len(self._events) >= self._max_events:
            self._hand_over(self._events[: self._max_events])
            del self._events[: self._max_events]
        if self._size >= MAX_BATCH_BYTES:
            self.hand_over()

    def hand_over_what_is_due(self) -> None:
        """Hand over what has waited for long enough. Blocks while the consumer takes nothing."""
        if time.monotonic() >= self._due:
            self.hand_over()

    def hand_over(self) -> None:
        """Hand over all that was gathered. Blocks while the consumer takes nothing."""
        if self._events:
            self._hand_over(self._events)
        self._events = []
        self._lines = []
        self._size = 0
        self._due = float("inf")

    def _hand_over(self, events: Sequence[Event]) -> None:
        batch_id = content_id(self._nonce, self._number.to_bytes(8, "little"), *self._lines)
        self._number += 1
        _give_ids(batch_id, events)
        self._lines = []
        self._size = 0
        self._consume(Batch(batch_id, tuple(events)))

    def _consume(self, batch: Batch) -> None:
        reported = False
        while True:
            try:
                self._consumer.consume(batch)
            except QueueFullError as error:
                wait = error.retry_after
            except QueueUnavailableError as error:
                wait = _UNAVAILABLE_WAIT
                if not reported:
                    self._host.logger.warning("reading waits until the queue can store again: %s", error)
                reported = True
            else:
                return
            if not self._stop.pause(max(wait, _SHORTEST_WAIT)):
                self._give_up(batch)
                return

    def _give_up(self, batch: Batch) -> None:
        self._host.count("refused", len(batch), reason="queue_blocked")
        self._host.logger.error("%d events were read but not stored: the queue took nothing until the end", len(batch))


def _give_ids(batch_id: str, events: Sequence[Event]) -> None:
    """Give an id to events without one, and to those whose own is taken in this batch already."""
    taken = set()
    for number, event in enumerate(events):
        if not event.id or event.id in taken:
            # the reader made the events and nobody else has seen them yet
            force_setattr(event, "id", f"{batch_id}-{number}")
        taken.add(event.id)
