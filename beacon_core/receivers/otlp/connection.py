"""One HTTP/1.1 connection: requests in, answers out in the same order; deadlines, limits, and a civil end.

The parser is llhttp, by way of httptools. What stands here is what uvicorn does around the same parser and what OTLP
needs beyond it, without a task, an event and a dictionary for every request: for small requests that was half of all
that they cost. Imported when the receiver runs.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import cast

import httptools

from beacon_core.component import Host
from beacon_core.receivers.otlp import answers
from beacon_core.receivers.otlp.config import HttpOptions
from beacon_core.receivers.otlp.refusal import Refusal, Refusals
from beacon_core.receivers.otlp.request import HEADERS, Request, check, too_large
from beacon_core.receivers.otlp.storing import Outcome, Storing

#: Bytes of a request's head at most. The heads of OTLP clients have a few hundred.
MAX_HEAD = 64 * 1024

#: Requests of one connection that wait for their answers; then nothing more is read from it.
MAX_PIPELINED = 32

#: After an early refusal: how long to go on throwing away what a client is still sending. Closing at once would make
#: its kernel throw away our answer. Seconds without data, and altogether.
LINGER_IDLE, LINGER_MOST = 0.5, 3.0

_UPGRADE = re.compile(rb"(?i)(\r\n)upgrade:")


@dataclass
class Shared:
    """What the connections of a server have in common; belongs to the event loop's thread.

    Attributes:
        options: limits and deadlines.
        host: the receiver's.
        refusals: counts and tells.
        storing: takes complete requests.
        loop: the event loop.
        connections: that are open.
        received: how often something arrived: whether it still changes tells a stopping server when to close.
        stopping: answers end their connection.
    """

    options: HttpOptions
    host: Host
    refusals: Refusals
    storing: Storing
    loop: asyncio.AbstractEventLoop
    connections: set[Connection] = field(default_factory=set)
    received: int = 0
    stopping: bool = False


class Connection(asyncio.Protocol):
    """Reads requests, has complete ones stored, and writes the answers. The event loop's thread."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()  # whose head arrives
        self._in_head = False
        self._head_size = 0
        self._requests: deque[Request] = deque()  # whose heads are complete and whose answers have not left
        self._ending = False  # nothing more is taken: the connection closes with the last answer
        self._lingering_until = 0.0  # what arrives is thrown away
        self._clogged = self._paused = False
        self._since = 0.0  # when began what is waited for
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._deadline = inf

    @property
    def arriving(self) -> bool:
        """Whether the rest of a request is awaited."""
        return self._in_head or (bool(self._requests) and not self._requests[-1].complete)

    @property
    def unanswered(self) -> bool:
        """Whether a client waits for an answer, or may still read one."""
        return bool(self._requests) or self._lingering_until > 0

    # ---- what asyncio calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._shared.connections.add(self)
        self._wait_anew()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._shared.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._requests and not self._requests[-1].complete and self._requests[-1].answer is None:
            self._shared.refusals.count("disconnected", "the client went away before it had sent the whole body")

    def data_received(self, data: bytes) -> None:
        self._shared.received += 1
        if self._ending and not self._lingering_until and not self.arriving:
            return
        if not self._requests or self._requests[-1].complete:
            data = _without_upgrade(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # one that was not found above: the parser takes nothing after it
            self._ending = True
        except httptools.HttpParserError:
            self._refuse_head("damaged_http", "the request is not valid HTTP/1.1, or has both a length and chunks")
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse_head("large_head", f"the head of the request is larger than {MAX_HEAD} bytes")
        if self._lingering_until:
            self._since = self._shared.loop.time()
        self._pace()
        self._watch()

    def eof_received(self) -> bool:
        """Keep a half-closed connection until its requests are answered; one that was cut short learns so."""
        if self._requests and self.arriving and not self._in_head:
            request = self._requests[-1]
            request.complete, request.keep_alive = True, False
            if request.answer is None:
                self._refuse(request, Refusal("cut_short", "the connection was closed before the end of the body"))
        self._ending = True
        return bool(self._requests)

    def pause_writing(self) -> None:
        """Take no more from a client that does not read its answers."""
        self._clogged = True
        self._pace()

    def resume_writing(self) -> None:
        """Go on."""
        self._clogged = False
        self._pace()

    def _pace(self) -> None:
        """Read on or not."""
        pause = self._clogged or len(self._requests) > MAX_PIPELINED
        if pause != self._paused and not self.transport.is_closing():
            self._paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    # ---- what the parser calls ----

    def on_message_begin(self) -> None:
        self._request = Request()
        self._in_head = True
        self._head_size = 0
        self._since = self._shared.loop.time()

    def on_url(self, url: bytes) -> None:
        self._request.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in HEADERS:
            self._request.headers[name] = value

    def on_headers_complete(self) -> None:
        request, shared = self._request, self._shared
        self._in_head = False
        self._since = shared.loop.time()
        if self._ending:
            return
        request.method = self._parser.get_method()
        request.keep_alive = self._parser.should_keep_alive() and self._parser.get_http_version() != "1.0"
        self._requests.append(request)
        shared.host.count("requests")
        try:
            request.head = check(request, shared.options)
        except Refusal as refusal:
            self._refuse(request, refusal)
        else:
            self._go_on()

    def on_body(self, body: bytes) -> None:
        request = self._request
        if request.head is not None and request.answer is None:
            request.size += len(body)
            request.pieces.append(body)
            if request.size > self._shared.options.max_request_body_size:
                self._refuse(request, too_large(self._shared.options))

    def on_message_complete(self) -> None:
        request = self._request
        request.complete = True
        if self._ending and request not in self._requests:
            if self._lingering_until:
                self.transport.close()
        elif request.answer is None and request.head is not None:
            self._shared.storing.submit(request.head, request.body(), partial(self._stored, request))

    # ---- answers ----

    def _stored(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Refusal):
            self._refuse(request, outcome)
            return
        assert request.head is not None  # noqa: S101 - it was submitted
        close = not request.keep_alive or self._shared.stopping
        head = request.head
        request.answer = answers.success(head.path, head.encoding, outcome.warning, close=close)
        self._flush()

    def _refuse(self, request: Request, refusal: Refusal) -> None:
        """Answer a request that is not accepted."""
        self._shared.refusals.count(refusal.reason, refusal.message)
        request.unread = refusal.unread
        request.pieces.clear()
        close = refusal.unread or not request.keep_alive or self._shared.stopping
        bare = request.method == b"HEAD"
        request.answer = answers.refused(refusal, request.encoding, close=close, bare=bare)
        self._flush()

    def _refuse_head(self, reason: str, message: str) -> None:
        """Answer what is damaged and close; what came whole before it gets its own answer first."""
        if self._ending:
            return
        self._in_head = False
        self._ending = True
        request = self._requests[-1] if self._requests and not self._requests[-1].complete else Request()
        request.complete = True
        request.head = None  # its answer is in JSON, as of any other damage
        if request not in self._requests:
            self._requests.append(request)
        if request.answer is None:
            request.keep_alive = False
            self._refuse(request, Refusal(reason, message))

    def _flush(self) -> None:
        """Write the answers whose turn it is."""
        requests = self._requests
        if self.transport.is_closing():
            return
        while requests and (answer := requests[0].answer) is not None:
            request = requests.popleft()
            self.transport.write(answer)
            if request.unread or not request.keep_alive or self._shared.stopping:
                self._part(request)
                return
        if not requests:
            if self._ending:
                self.transport.close()
                return
            self._since = self._shared.loop.time()
        self._pace()
        self._go_on()
        self._watch()

    def _part(self, last: Request) -> None:
        """Close after an answer; first let a client that is still sending read it."""
        self._ending = True
        self._requests.clear()
        if not last.unread or last.complete:
            self.transport.close()
        else:
            self._since = self._shared.loop.time()
            self._lingering_until = self._since + LINGER_MOST
            self._watch()

    def _go_on(self) -> None:
        """Tell a client that waits for it to send its body, when it is its turn."""
        if self._requests:
            request = self._requests[0]
            if request.answer is None and not request.size and not request.complete and request.expects_to_go_on:
                del request.headers[b"expect"]
                self.transport.write(answers.GO_ON)

    def shutdown(self) -> None:
        """Close if nothing is going on; else with the next answer, since the server is stopping."""
        if not self.unanswered:
            self.transport.close()

    # ---- deadlines ----

    def _wait_anew(self) -> None:
        self._since = self._shared.loop.time()
        self._watch()

    def _watch(self) -> None:
        """Set the deadline of what is waited for now; a timer that is there already finds out for itself."""
        options = self._shared.options
        if self._lingering_until:
            self._deadline = min(self._since + LINGER_IDLE, self._lingering_until)
        elif self._in_head:
            self._deadline = self._since + options.read_header_timeout
        elif self.arriving:
            self._deadline = self._since + options.read_timeout
        else:
            self._deadline = inf if self._requests else self._since + options.idle_timeout
        if self._deadline < self._timer_at:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = self._shared.loop.call_at(self._deadline, self._due)

    def _due(self) -> None:
        self._timer, self._timer_at = None, inf
        if self.transport.is_closing() or self._deadline == inf:
            return
        if self._shared.loop.time() < self._deadline:
            self._set_timer()
        elif self._lingering_until or not self.arriving:
            self.transport.close()
        elif self._in_head:
            seconds = f"{self._shared.options.read_header_timeout:g} seconds"
            self._refuse_head("slow_head", f"the head of the request did not arrive within {seconds}")
        elif self._requests[-1].answer is not None:  # a refusal whose turn has not come
            self._wait_anew()
        else:
            seconds = f"{self._shared.options.read_timeout:g} seconds"
            self._refuse(
                self._requests[-1],
                Refusal("slow_body", f"the body did not arrive within {seconds}", unread=True),
            )


def _without_upgrade(data: bytes) -> bytes:
    """Return the start of a request without its offer to upgrade.

    curl and Java's HttpClient offer HTTP/2 that way. A server may ignore it, but httptools skips the body of such a
    request, so the parser must not see the offer.
    """
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    if not _UPGRADE.search(data, 0, end):
        return data
    return _UPGRADE.sub(rb"\1x-ignored:", data[:end]) + data[end:]
