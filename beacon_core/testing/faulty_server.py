"""A local HTTP backend whose faults are scripted: statuses, delays, resets, half answers, silence."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import sys
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from typing import BinaryIO, Literal, Self, TypeAlias

#: What goes wrong instead of an answer, always after the whole request was read: `reset` the connection (RST); send the
#: first `half` of the body and close; `hang` without a word until the server ends; `close` without a word.
Fault: TypeAlias = Literal["reset", "half", "hang", "close"]

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # on, 0 seconds: closing sends RST
_RAW_DEFLATE = -15


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in.

    Attributes:
        method: such as `POST`.
        path: with the query.
        headers: names in lower case.
        body: without its chunks, and without its gzip or deflate unless that is damaged.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens to one request.

    Attributes:
        delay: seconds before anything is sent.
        fault: what goes wrong; None for a whole answer.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: Fault | None = None


#: Steps in order, and success for every request after them; or a function that decides, called by several threads.
Script: TypeAlias = Sequence[Step] | Callable[[Request], Step]


class FaultyServer:
    """Serves HTTP/1.1 on 127.0.0.1 with kept connections, inside a `with` block.

        with FaultyServer([Step(status=503, headers={"Retry-After": "1"}), Step(fault="reset")]) as server:
            exporter = MyExporter(MyConfig(endpoint=server.url))
            ...
            assert len(server.requests) == 2

    Args:
        script: what happens to each request.
        port: where to listen; 0 for a free one. Another port is for a server that comes back after a restart.

    Attributes:
        url: where it listens, such as `http://127.0.0.1:40123`.
        requests: what came in, in order, added before it is answered.
    """

    def __init__(self, script: Script = (), *, port: int = 0) -> None:
        self.url = ""
        self._port = port
        self.requests: list[Request] = []
        self._decide = script if callable(script) else _in_turn(script)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, end every connection, and wait for all threads."""
        self._closing.set()
        with contextlib.suppress(OSError):  # wakes `accept`, which closing alone does not do everywhere
            socket.create_connection(self._listener.getsockname()).close()
        self._threads[0].join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="faulty-server")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            connection, _ = self._listener.accept()
            with self._lock:
                self._open.add(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as file:
                while not self._closing.is_set() and (request := _next_request(file)) is not None:
                    with self._lock:
                        self.requests.append(request)
                    if not self._answer(connection, self._decide(request)):
                        return
        except OSError:
            pass  # the client has gone
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, step: Step) -> bool:
        """Do what a step says; False if the connection is not to be used any further."""
        self._closing.wait(step.delay)
        match step.fault:
            case None:
                connection.sendall(_head(step) + step.body)
                return True
            case "half":
                connection.sendall(_head(step) + step.body[: len(step.body) // 2])
            case "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            case "hang":
                self._closing.wait()
        return False


def _in_turn(script: Sequence[Step]) -> Callable[[Request], Step]:
    steps = iter(tuple(script))
    lock = threading.Lock()

    def decide(_request: Request) -> Step:
        with lock:
            return next(steps, Step())

    return decide


def _head(step: Step) -> bytes:
    phrase = HTTPStatus(step.status).phrase if step.status in set(HTTPStatus) else ""
    headers = {"Content-Length": str(len(step.body)), **step.headers}
    lines = [f"HTTP/1.1 {step.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _next_request(file: BinaryIO) -> Request | None:
    """Return the next request of a connection, None at its end and after what is no HTTP."""
    try:
        return _read(file)
    except (ValueError, HTTPException):
        return None


def _read(file: BinaryIO) -> Request | None:
    words = file.readline().decode("latin-1").split()
    if len(words) != 3:  # noqa: PLR2004 - method, target, version
        return None
    headers = {name.lower(): value for name, value in parse_headers(file).items()}
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    length = int(headers.get("content-length", "0"))
    body = _read_chunks(file) if chunked else file.read(length)
    if not chunked and len(body) < length:  # the connection has ended
        return None
    return Request(method=words[0], path=words[1], headers=headers, body=_decoded(body, headers))


def _read_chunks(file: BinaryIO) -> bytes:
    pieces = []
    while size := int(file.readline().partition(b";")[0] or b"0", 16):
        pieces.append(file.read(size))
        file.readline()
    file.readline()
    return b"".join(pieces)


def _decoded(body: bytes, headers: Mapping[str, str]) -> bytes:
    try:
        match headers.get("content-encoding", "").lower():
            case "gzip" | "x-gzip":
                return gzip.decompress(body)
            case "deflate":  # RFC 9110, 8.4.1.2: zlib; some send it raw
                return zlib.decompress(body, zlib.MAX_WBITS if body[:1] == b"\x78" else _RAW_DEFLATE)
    except (OSError, EOFError, zlib.error):
        pass
    return body
