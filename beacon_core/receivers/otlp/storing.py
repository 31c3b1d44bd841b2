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

#: Turns of the event loop that a group is given to gather in. A turn takes some microseconds, and clients that were
#: answered together send their next requests together.
TURNS = 3

#: Bytes of bodies in a group, unless one alone is larger: more saves nothing, and takes memory.
GROUP_SIZE = 256 * 1024

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
    """Requests that are stored one group after the other."""

    def __init__(self) -> None:
        self.free = True
        self.waiting: deque[_Work] = deque()

    def group(self) -> list[_Work]:
        """Take what is worked on together."""
        group = [self.waiting.popleft()]
        size = group[0].size
        while self.waiting and not group[0].alone and not self.waiting[0].alone:
            size += self.waiting[0].size
            if size > GROUP_SIZE:
                break
            group.append(self.waiting.popleft())
        return group


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
        self._due = False
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
        (self._large if work.size >= LARGE else self._small).waiting.append(work)
        self._gather()

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
            lane.waiting.clear()
        for work in list(self._unfinished):
            self._finish(work, Refusal("shutting_down", "the receiver is shutting down", RETRY_AFTER))

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    # ---- the event loop's thread ----

    def _gather(self) -> None:
        if not self._due and any(lane.waiting and lane.free for lane in (self._small, self._large)):
            self._due = True
            self._loop.call_soon(self._turn, TURNS)

    def _turn(self, left: int) -> None:
        if left:
            self._loop.call_soon(self._turn, left - 1)
            return
        self._due = False
        for lane in (self._small, self._large):
            if lane.waiting and lane.free:
                lane.free = False
                self._start(lane, lane.group())

    def _start(self, lane: _Lane, group: list[_Work]) -> None:
        def ended(future: Future[list[Outcome]]) -> None:
            with suppress(RuntimeError):  # the loop is closed: everything was refused
                self._loop.call_soon_threadsafe(self._ended, lane, group, future)

        self._executor.submit(self._store, group).add_done_callback(ended)

    def _ended(self, lane: _Lane, group: list[_Work], future: Future[list[Outcome]]) -> None:
        lane.free = True
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or (error is not None and len(group) > 1):  # none is stored; some may be, each by itself
            for work in reversed(group):
                work.alone = True
                lane.waiting.appendleft(work)
        elif error is not None:
            refusal = refusal_for(error)
            if refusal.reason == "internal_error":
                self._refusals.tell_bug(error)
            self._finish(group[0], refusal)
        else:
            for work, outcome in zip(group, future.result(), strict=True):
                self._finish(work, outcome)
        self._gather()

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
