"""What happens to an HTTP request: the checks in their order, reading, and the answer. An ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeAlias

from beacon_core.otlp import MEDIA_TYPES, PATHS, Encoding, encode_status, encode_success
from beacon_core.receivers.otlp.config import HttpOptions
from beacon_core.receivers.otlp.refusal import STATUS, Refusal
from beacon_core.receivers.otlp.requests import Head, Requests

Scope: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

_ENCODINGS: dict[str, Encoding] = {name: encoding for encoding, name in MEDIA_TYPES.items()}
_PLAIN = {"", "identity", "none"}
_GZIP = {"gzip", "x-gzip"}

#: After an early refusal: how long to go on throwing away what a client is still sending. Closing at once would make
#: its kernel throw away our answer. Seconds without data, and altogether.
LINGER_IDLE, LINGER_MOST = 0.5, 3.0


class ClientGoneError(Exception):
    """The connection ended before the body did; nobody is left to answer."""


class OtlpApp:
    """Answers OTLP/HTTP requests (OTLP specification, "OTLP/HTTP").

    Runs in the event loop's thread. A body that was read completely is stored even if its client has gone.
    """

    def __init__(self, options: HttpOptions, requests: Requests) -> None:
        self._options = options
        self._requests = requests
        #: How often something was received: whether it still changes tells a stopping server when to close.
        self.received = 0
        #: Whether the server is stopping: answers then end their connection.
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests.count()
        encoding: Encoding = "json"
        try:
            head = self._check(scope)
            encoding = head.encoding
            body = await self._read(scope, receive)
            warning = await self._requests.store(head, body)
        except ClientGoneError:
            if not scope["state"].get("refused"):
                self._requests.count_refused("disconnected", "the client went away before it had sent the whole body")
        except Refusal as refusal:
            content = encode_status(encoding, STATUS[refusal.reason][1], refusal.message)
            self._requests.count_refused(refusal.reason, refusal.message)
            headers = [*refusal.headers, *self._closing(now=refusal.unread)]
            await _send(send, STATUS[refusal.reason][0], encoding, content, headers, more=refusal.unread)
            if refusal.unread:
                await _linger(receive)
                await send({"type": "http.response.body"})
        else:
            await _send(send, 200, encoding, encode_success(head.path, encoding, warning), self._closing())

    def _closing(self, *, now: bool = False) -> list[Header]:
        return [(b"connection", b"close")] if now or self.stopping else []

    def refuse_head(self, reason: str, message: str) -> bytes:
        """Return a whole HTTP answer for a request whose head could not be read; the connection is to be closed."""
        self._requests.count_refused(reason, message)
        status, code = STATUS[reason]
        body = encode_status("json", code, message)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + body

    # ---- before the body ----

    def _check(self, scope: Scope) -> Head:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        unread = length != b"0" or b"transfer-encoding" in headers
        path = scope["path"].removeprefix(self._options.url_path_prefix).removesuffix("/")
        if path not in PATHS or not scope["path"].startswith(self._options.url_path_prefix):
            known = ", ".join(self._options.url_path_prefix + path for path in PATHS)
            raise Refusal("path", f"unknown path; OTLP/HTTP is at {known}", unread=unread)
        if scope["method"] != "POST":
            raise Refusal("method", "OTLP/HTTP knows POST only", (b"allow", b"POST"), unread=unread)
        encoding = _ENCODINGS.get(headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower())
        if encoding is None:
            raise Refusal("media_type", f"Content-Type must be {' or '.join(_ENCODINGS)}", unread=unread)
        coding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if coding not in _PLAIN | _GZIP:
            accept = (b"accept-encoding", b"gzip, identity")
            raise Refusal("content_encoding", "Content-Encoding must be gzip or absent", accept, unread=unread)
        if int(length) > self._options.max_request_body_size:
            raise self._too_large()
        return Head(path, encoding, coding in _GZIP)

    def _too_large(self) -> Refusal:
        return Refusal("too_large", f"the body is larger than {self._options.max_request_body_size} bytes", unread=True)

    # ---- the body ----

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        pieces: list[bytes] = []
        room = int(self._options.max_request_body_size)
        try:
            async with asyncio.timeout(self._options.read_timeout):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    more = message["more_body"]
                    room -= len(message["body"])
                    if room < 0:
                        raise self._too_large()
                    pieces.append(message["body"])
        except TimeoutError:
            limit = f"{self._options.read_timeout:g} seconds"
            raise Refusal("slow_body", f"the body did not arrive within {limit}", unread=True) from None
        if scope["state"].get("cut_short"):
            raise Refusal("cut_short", "the connection was closed before the end of the body")
        return b"".join(pieces)


async def _send(
    send: Send, status: int, encoding: Encoding, body: bytes, headers: list[Header], *, more: bool = False
) -> None:
    """Send a whole answer; with `more` its end, which closes the connection, is left to the caller."""
    kind = (b"content-type", MEDIA_TYPES[encoding].encode())
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [kind, length, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _linger(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_MOST):
            while True:
                message = await asyncio.wait_for(receive(), LINGER_IDLE)
                if message["type"] == "http.disconnect" or not message["more_body"]:
                    return
