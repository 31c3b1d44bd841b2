"""Serves the posts of hooks: few, small, each on a connection of its own, so a thread each and the standard library.

The server of the `otlp` receiver is made for exporters that keep connections and send without a pause; nothing of that
is needed here.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from msgspec.structs import replace

from beacon_core.component import Host
from beacon_core.errors import InvalidDataError, QueueError, QueueFullError
from beacon_core.event import Batch, content_id
from beacon_core.lines import decode_object, hook_event
from beacon_core.lines.hooks import CLAUDE
from beacon_core.receiver import Consumer
from beacon_core.receivers.hook.config import HookConfig

PATH: Final = "/hook"
#: Connections at once; an agent waits for its hooks, so it has a few.
MOST_CONNECTIONS: Final = 64
_POLL: Final = 0.05  # seconds between two looks whether to stop
_ARRIVAL_GRACE: Final = 0.5  # seconds that a message gets which is still arriving when the receiver stops
_RETRY_AFTER: Final = "1"
_LINGER, _CHUNK = 1.0, 64 * 1024  # seconds and bytes


class Refusal(Exception):  # noqa: N818 - an answer, raised to leave the checks early
    """A post that is not accepted: the status, the reason under which it is counted, and the text of the answer."""

    def __init__(self, status: HTTPStatus, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class HookServer:
    """Serves sockets that listen already. `run` belongs to one thread, `stop` to any.

    Args:
        options: of the receiver.
        host: for counters and the log.
        consumer: where events go; each in a batch of its own, since its sender waits.
        sockets: listening.
        nonce: of this run. A message without an id that comes twice has been sent twice: nothing is left out.
    """

    def __init__(
        self, options: HookConfig, host: Host, consumer: Consumer, sockets: list[socket.socket], nonce: bytes
    ) -> None:
        self._options = options
        self._host = host
        self._consumer = consumer
        self._sockets = sockets
        self._nonce = nonce
        self._number = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._told: set[str] = set()
        self._deadline = float("inf")

    def run(self) -> None:
        """Serve until `stop`; what had arrived completely by then is stored when this returns."""
        others = [threading.Thread(target=self._accept, args=(sock,), daemon=True) for sock in self._sockets[1:]]
        for other in others:
            other.start()
        self._accept(self._sockets[0])
        for other in others:
            other.join()
        self._drain()

    def stop(self, timeout: float) -> None:
        """Accept nothing more and end `run` within `timeout` seconds; returns at once."""
        self._deadline = time.monotonic() + timeout
        self._stopping.set()

    def _accept(self, sock: socket.socket) -> None:
        sock.settimeout(_POLL)
        while not self._stopping.is_set():
            try:
                connection, _ = sock.accept()
            except TimeoutError:  # nobody came
                continue
            except OSError:  # whoever came has gone, or there is no descriptor left
                self._stopping.wait(_POLL)
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="beacon-hook", daemon=True)
            with self._lock:
                full = len(self._connections) >= MOST_CONNECTIONS
                if not full:
                    self._connections[thread] = connection
            if full:
                connection.close()
                self.count_refused("too_many_connections", f"more than {MOST_CONNECTIONS} at once")
            else:
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        self._host.count("requests")
        try:
            connection.settimeout(self._options.read_timeout)
            with connection, suppress(OSError):  # the client has gone
                _Handler(connection, connection.getpeername(), self)  # type: ignore[arg-type]  # a server is not needed
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]

    def _drain(self) -> None:
        """Let requests end that are being stored; those that are still arriving get a moment."""
        arrival = min(self._deadline, time.monotonic() + _ARRIVAL_GRACE)
        for limit in (arrival, self._deadline):
            self._join(limit)
            with self._lock:
                left = list(self._connections.values())
            for connection in left:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
        self._join(self._deadline)

    def _join(self, deadline: float) -> None:
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # ---- one message; in the thread of its connection ----

    def check(self, path: str, headers: Any) -> int:
        """Return how long the body of a post is.

        Raises:
            Refusal: it is not accepted.
        """
        if path != PATH and not path.startswith(f"{PATH}/"):
            raise Refusal(HTTPStatus.NOT_FOUND, "path", f"unknown path; hooks post to {PATH} or {PATH}/<agent>")
        kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":  # also keeps pages in a browser from posting here without being asked
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media_type", "Content-Type must be application/json")
        length = headers.get("content-length") or ""
        if not (length.isascii() and length.isdigit()):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "no_length", "Content-Length is required")
        if len(length) > 18 or int(length) > self._options.max_request_body_size:  # noqa: PLR2004 - digits
            limit = int(self._options.max_request_body_size)
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body is larger than {limit} bytes")
        return int(length)

    def store(self, path: str, body: bytes, length: int) -> None:
        """Store the event of a message that should have so many bytes.

        Raises:
            Refusal: nothing was stored.
        """
        if len(body) < length:
            raise Refusal(HTTPStatus.BAD_REQUEST, "cut_short", "the connection was closed before the end of the body")
        agent = path.removeprefix(PATH).strip("/") or CLAUDE
        try:
            event = hook_event(decode_object(body.strip()), self._host.clock(), agent)
        except InvalidDataError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_data", str(error)) from None
        with self._lock:
            self._number += 1
            unique = self._nonce + self._number.to_bytes(8, "little")
        batch_id = content_id(event.id.encode(), body) if event.id else content_id(unique, body)
        try:
            self._consumer.consume(Batch(batch_id, (replace(event, id=f"{batch_id}-0"),)))
        except QueueFullError as error:
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "queue_full", str(error)) from None
        except (QueueError, OSError):
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "queue_unavailable", "cannot store now") from None

    def count_refused(self, reason: str, message: str) -> None:
        """Count what was refused; tell of the first one of its kind."""
        self._host.count("refused", reason=reason)
        if reason not in self._told:
            self._told.add(reason)
            self._host.logger.warning("refused a hook (%s): %s; further ones are only counted", reason, message)


class _Handler(BaseHTTPRequestHandler):
    """One connection, which has one request."""

    protocol_version = "HTTP/1.1"
    server_version = "beacon"
    sys_version = ""
    server: HookServer  # type: ignore[assignment]  # what the base class has is not used

    def do_POST(self) -> None:
        """Take a message; an answer without a body tells the agent that the hook has nothing to say."""
        try:
            path = self.path.partition("?")[0]
            length = self.server.check(path, self.headers)
            self.server.store(path, self.rfile.read(length), length)
        except Refusal as refusal:
            self.server.count_refused(refusal.reason, str(refusal))
            self._answer(refusal.status, f"{refusal}\n".encode())
            self._linger()
        except TimeoutError:
            self.server.count_refused("slow_body", "the body did not arrive in time")
            self._answer(HTTPStatus.REQUEST_TIMEOUT, b"")
        else:
            self._answer(HTTPStatus.NO_CONTENT, b"")

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response_only(status)
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            self.send_header("Retry-After", _RETRY_AFTER)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _linger(self) -> None:
        """Throw away what the client still sends: closing at once would make its kernel throw away the answer."""
        deadline = time.monotonic() + _LINGER
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_LINGER)
        while time.monotonic() < deadline and self.connection.recv(_CHUNK):
            pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what is no request for us, without repeating a piece of it."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.server.count_refused("damaged_http", f"{status.value} {status.phrase}")
        self.request_version = self.protocol_version  # else it takes damage for HTTP/0.9, which has no status line
        self._answer(status, f"{status.phrase}; hooks use POST\n".encode())
        self._linger()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        """Say nothing: a request may hold anything."""
