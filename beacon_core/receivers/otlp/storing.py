"""From complete requests to stored ones: what has arrived meanwhile is decoded, processed and stored together.

A request of a few events costs more for itself than for its events: a pass through every processor, a transaction, a
change of threads. So requests are not worked on one by one: while one group is being stored the next one gathers, and
the group grows with the load, as that of the queue's commits does. One thread works on them, since only one at a time
can run Python code: several make more and smaller groups, wait for each other, and slow down the delivery first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from beacon_core.component import Host
from beacon_core.errors import InvalidDataError
from beacon_core.otlp import MEDIA_TYPES, PATHS, Decoded, Encoding, decode_request
from beacon_core.receiver import Consumer
from beacon_core.receivers.otlp.inflate import gunzip
from beacon_core.receivers.otlp.refusal import RETRY_AFTER, Refusal, Refusals, refusal_for

#: How a group waits for those who were answered a moment ago: most clients send their next request at once, and without
#: a pause they would form two groups that wait for each other. Seconds between looks whether one has come since, and
#: how many looks at most. uvloop counts milliseconds.
PATIENCE = 0.001
LOOKS = 5

#: Bytes of bodies in a group that waits for nobody: its events cost more than the group itself.
WORTHWHILE = 64 * 1024

#: Bytes of bodies in a group, unless one alone is larger: more saves nothing, and takes memory.
GROUP_SIZE = 384 * 1024

#: A body of so many bytes takes a second and has a thread of its own, so that it holds up no small one.
LARGE = 1024 * 1024


class Head(NamedTuple):
    """What is known of a good request before its body: `gzip` says that it is compressed."""

    path: str
    encoding: Encoding
    gzip: bool


class Stored(NamedTuple):
    """A request's events are durable; `warning` is what its sender's developer should know."""

    warning: str = ""


Outcome: TypeAlias = Stored | Refusal
#: Told what became of a request; in the event loop's thread.
Done: TypeAlias = Callable[[Outcome], None]


#: By how much a compressed body is taken to grow: more than telemetry does, so that a group of them stays small, too.
INFLATION = 16


@dataclass(slots=True, eq=False)
class _Work:
    """A complete request; `alone` if it shall be in no group, since it may be to blame for what went wrong in one."""

    head: Head
    body: bytes
    done: Done
    alone: bool = False

    @property
    def size(self) -> int:
        """Bytes of the body, at a guess, once it is decompressed."""
        return len(self.body) * (INFLATION if self.head.gzip else 1)


class _Lane:
    """Requests that are stored one group after the other.

    Attributes:
        free: no group is being stored.
        waiting: what the next groups are made of; `size` bytes of it.
        expected: how many requests the next group would have if everyone who has sent one sent another.
        due: ends the wait for them.
    """

    def __init__(self) -> None:
        self.free = True
        self.waiting: deque[_Work] = deque()
        self.size = 0
        self.expected = 0
        self.due: asyncio.TimerHandle | None = None

    @property
    def complete(self) -> bool:
        """Whether the next group need not wait for more."""
        return len(self.waiting) >= self.expected or self.size >= WORTHWHILE or self.waiting[0].alone

    def add(self, work: _Work) -> None:
        """Let a request wait."""
        self.waiting.append(work)
        self.size += work.size

    def group(self) -> list[_Work]:
        """Take what is worked on together."""
        group = [self.waiting.popleft()]
        size = group[0].size
        while self.waiting and not group[0].alone and not self.waiting[0].alone:
            if size + self.waiting[0].size > GROUP_SIZE:
                break
            size += self.waiting[0].size
            group.append(self.waiting.popleft())
        self.size -= size
        return group

    def give_back(self, group: list[_Work]) -> None:
        """Let the requests of a group wait again, before all others and each for itself."""
        for work in reversed(group):
            work.alone = True
            self.waiting.appendleft(work)
            self.size += work.size

    def clear(self) -> None:
        """Forget what waits."""
        self.waiting.clear()
        self.size = 0


class Storing:
    """Stores the requests of one protocol. Belongs to the event loop's thread.

    Args:
        loop: the event loop.
        host: the receiver's.
        consumer: what takes the events.
        limit: bytes of a body at most, decompressed.
        refusals: where bugs and warnings are told.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, host: Host, consumer: Consumer, limit: int, refusals: Refusals
    ) -> None:
        self._loop = loop
        self._host = host
        self._consumer = consumer
        self._limit = limit
        self._refusals = refusals
        self._executor = ThreadPoolExecutor(2, thread_name_prefix=f"beacon-{host.component}")
        self._small, self._large = _Lane(), _Lane()
        self._unfinished: set[_Work] = set()

    @property
    def busy(self) -> bool:
        """Whether a request is not stored yet."""
        return bool(self._unfinished)

    def warm_up(self) -> None:
        """Load what decoding needs, so that the first request does not wait for it."""
        self._executor.submit(_warm_up)

    def submit(self, head: Head, body: bytes, done: Done) -> None:
        """Store a complete request; `done` is called once, later."""
        work = _Work(head, body, done)
        self._unfinished.add(work)
        lane = self._large if work.size >= LARGE else self._small
        lane.add(work)
        self._gather(lane)

    async def store(self, head: Head, body: bytes) -> str:
        """Store a complete request; return the warning for its sender, if any. Goes on if the caller is cancelled.

        Raises:
            Refusal: it is not accepted.
        """
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self.submit(head, body, outcome.set_result)
        await asyncio.wait([outcome])  # which leaves it alone, should the caller be cancelled
        match outcome.result():
            case Stored(warning):
                return warning
            case Refusal() as refusal:
                raise refusal

    def give_up(self) -> None:
        """Refuse what is not stored by now; the same request sent again is stored once."""
        for lane in (self._small, self._large):
            lane.clear()
        for work in list(self._unfinished):
            self._finish(work, Refusal("shutting_down", "the receiver is shutting down", RETRY_AFTER))

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    # ---- the event loop's thread ----

    def _gather(self, lane: _Lane) -> None:
        """Begin with the next group, if it is time, or see to it that it will be."""
        if not lane.free or not lane.waiting:
            return
        if lane.complete:
            self._begin(lane)
        elif lane.due is None:
            lane.due = self._loop.call_later(PATIENCE, self._look, lane, len(lane.waiting), LOOKS)

    def _look(self, lane: _Lane, before: int, left: int) -> None:
        if left > 1 and len(lane.waiting) > before:
            lane.due = self._loop.call_later(PATIENCE, self._look, lane, len(lane.waiting), left - 1)
        else:
            self._begin(lane)

    def _begin(self, lane: _Lane) -> None:
        if lane.due is not None:
            lane.due.cancel()
            lane.due = None
        if lane.waiting:
            lane.free = False
            self._start(lane, lane.group())

    def _start(self, lane: _Lane, group: list[_Work]) -> None:
        def ended(future: Future[list[Outcome]]) -> None:
            with suppress(RuntimeError):  # the loop is closed: everything was refused
                self._loop.call_soon_threadsafe(self._ended, lane, group, future)

        self._executor.submit(self._store, group).add_done_callback(ended)

    def _ended(self, lane: _Lane, group: list[_Work], future: Future[list[Outcome]]) -> None:
        lane.free = True
        lane.expected = len(group) + len(lane.waiting)
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or (error is not None and len(group) > 1):  # none is stored; some may be, each by itself
            lane.give_back(group)
        elif error is not None:
            refusal = refusal_for(error)
            if refusal.reason == "internal_error":
                self._refusals.tell_bug(error)
            self._finish(group[0], refusal)
        else:
            for work, outcome in zip(group, future.result(), strict=True):
                self._finish(work, outcome)
        self._gather(lane)

    def _finish(self, work: _Work, outcome: Outcome) -> None:
        if work in self._unfinished:  # else it was given up
            self._unfinished.discard(work)
            if isinstance(outcome, Stored) and outcome.warning:  # clients are known to ignore it in the answer
                text = f"a sender of {work.head.path} should know: {outcome.warning}"
                self._refusals.tell("warning", text)
            work.done(outcome)

    # ---- a thread of the executor ----

    def _store(self, group: list[_Work]) -> list[Outcome]:
        """Return what became of each request.

        Raises:
            Exception: whatever decoding or the consumer raises but for a damaged body; nothing is stored then.
        """
        received = self._host.clock()
        outcomes: list[Outcome] = []
        decoded: list[Decoded] = []
        for work in group:
            try:
                found = self._decode(work, received)
            except InvalidDataError as error:
                outcomes.append(refusal_for(error))
            else:
                outcomes.append(Stored(found.warning))
                decoded.append(found)
        batches = [found.batch for found in decoded if len(found.batch)]
        if batches:
            self._consumer.consume_all(batches)
        for found in decoded:
            for note, amount in found.notes.items():
                self._host.count("tolerated", amount, reason=note)
        return outcomes

    def _decode(self, work: _Work, received: int) -> Decoded:
        head, body = work.head, work.body
        if head.gzip:
            body = gunzip(body, self._limit)
        return decode_request(head.path, body, encoding=head.encoding, received_unix_nano=received)


def _warm_up() -> None:
    for path in PATHS:
        for encoding in MEDIA_TYPES:
            decode_request(path, b"{}" if encoding == "json" else b"", encoding=encoding, received_unix_nano=0)
