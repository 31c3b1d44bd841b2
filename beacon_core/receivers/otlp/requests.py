"""What happens to a request once it was read, whatever brought it: decoding, storing, counting."""

from __future__ import annotations

import asyncio
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from beacon_core.component import Host
from beacon_core.otlp import MEDIA_TYPES, PATHS, Encoding, decode_request
from beacon_core.receiver import Consumer
from beacon_core.receivers.otlp.inflate import gunzip
from beacon_core.receivers.otlp.refusal import RETRY_AFTER, Refusal, refusal_for

#: Storing blocks until it is durable, and what is stored at the same time shares a commit.
THREADS = 8


class Head(NamedTuple):
    """What the head of a good request says."""

    path: str
    encoding: Encoding
    gzip: bool


class Requests:
    """Stores the requests of one protocol; for one event loop, in whose thread everything is called.

    Decoding and storing run in threads, so that a large body or a slow disk holds up nothing else.

    Args:
        host: for counters and the log.
        consumer: where batches go.
        max_bytes: of a body, once it is decompressed.
    """

    def __init__(self, host: Host, consumer: Consumer, max_bytes: int) -> None:
        self._host = host
        self._consumer = consumer
        self._max_bytes = max_bytes
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"beacon-{host.component}")
        self._told: set[str] = set()
        #: Requests that are being decoded and stored.
        self.working: set[asyncio.Future[str]] = set()

    async def store(self, head: Head, body: bytes) -> str:
        """Decode and store; return the warning for the sender, if any. Goes on with it if the caller is cancelled.

        Raises:
            Refusal: nothing was stored.
        """
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._work, head, body)
        self.working.add(work)
        work.add_done_callback(self._done)
        await asyncio.wait([work])
        if work.cancelled():
            raise Refusal("shutting_down", "the receiver is shutting down", RETRY_AFTER)
        error = work.exception()
        if error is None:
            return work.result()
        refusal = error if isinstance(error, Refusal) else refusal_for(error)
        if refusal.reason == "internal_error":
            self._tell_bug(error)
        raise refusal from None

    def _done(self, work: asyncio.Future[str]) -> None:
        self.working.discard(work)
        if not work.cancelled():
            work.exception()  # nobody looks at it if the caller is cancelled, and asyncio would log its text

    def warm_up(self) -> None:
        """Load what decoding needs, in another thread, so that the first request does not wait for it."""
        self._threads.submit(_decode_nothing)

    def give_up(self) -> None:
        """Refuse what waits for a thread; its sender repeats it, and a repeated request is stored once."""
        for work in list(self.working):
            work.cancel()

    def close(self) -> None:
        """Let go of the threads, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, head: Head, body: bytes) -> str:
        received = self._host.clock()
        if head.gzip:
            body = gunzip(body, self._max_bytes)
        decoded = decode_request(head.path, body, encoding=head.encoding, received_unix_nano=received)
        if len(decoded.batch):
            self._consumer.consume(decoded.batch)
        for note, amount in decoded.notes.items():
            self._host.count("tolerated", amount, reason=note)
        if decoded.warning:  # clients are known to ignore it in the answer
            self._tell_once("warning", f"a sender of {head.path} should know: {decoded.warning}")
        return decoded.warning

    # ---- telling ----

    def count(self) -> None:
        """Count a request, whatever becomes of it."""
        self._host.count("requests")

    def count_refused(self, reason: str, message: str) -> None:
        """Count a request that was refused; tell of the first one of its kind."""
        self._host.count("refused", reason=reason)
        self._tell_once(reason, f"refused a request ({reason}): {message}")

    def _tell_once(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._host.logger.warning("%s; further ones are only counted", text)

    def _tell_bug(self, error: BaseException) -> None:
        """Log where an unexpected error came from, but not its text, which may hold a piece of the request."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"
        self._tell_once(where, f"a request failed, which is a bug: {where}")


def _decode_nothing() -> None:
    for path in PATHS:
        for encoding in MEDIA_TYPES:
            decode_request(path, b"{}" if encoding == "json" else b"", encoding=encoding, received_unix_nano=0)
