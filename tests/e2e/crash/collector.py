"""A strict HEC server in this process that counts every event it gets, and fails in the ways it is told to."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, BinaryIO

from tests.e2e.crash.evidence import POISON, Arrival, name_of

PATH = "/services/collector/event"
_KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 503: "Service Unavailable"}
_SUCCESS = (200, {"text": "Success", "code": 0})
_BUSY = (503, {"text": "Server is busy", "code": 9})
_FORBIDDEN = (403, {"text": "Invalid token", "code": 4})


class Mode(Enum):
    """How the server behaves."""

    UP = "stores and answers"
    SLOW = "stores, and answers late"
    DOWN = "refuses connections"
    BUSY = "answers 503"
    FORBIDDEN = "answers 403: wrong token"
    RESET = "resets the connection instead of storing"
    LOST_ANSWER = "stores, then resets the connection"
    HALF_ANSWER = "stores, then closes in the middle of its answer"


class RequestError(Exception):
    """A request that no HEC client should send."""


@dataclass
class _Request:
    channel: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Collector:
    """Listens on one port all the time, except while it is `DOWN`.

    Attributes:
        token: that has to come.
        delay: seconds to wait in `Mode.SLOW`; a change of the mode ends the wait.
        arrivals: what was stored, with the number of the channel (one for each process) as the run.
        channels: in the order of their first request.
        faults: what was wrong with requests.
    """

    token: str
    delay: float = 0.05
    arrivals: list[Arrival] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._mode = Mode.UP
        self._busy: set[threading.Thread] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    # ---- what a campaign does with it ----

    @property
    def mode(self) -> Mode:
        """How it behaves now."""
        return self._mode

    def set(self, mode: Mode, delay: float = 0.05) -> None:
        """Behave differently from the next request on."""
        with self._lock:
            before, self._mode, self.delay = self._mode, mode, delay
            self._changed.set()
            self._changed = threading.Event()
        if mode is Mode.DOWN and before is not Mode.DOWN:
            self._close_listener()
        elif before is Mode.DOWN and mode is not Mode.DOWN:
            self._listener = self._listen(self.port)

    def settle(self) -> None:
        """Wait until every connection has come to its end; its clients are dead, or this would take for ever."""
        self._accept_all()
        with self._lock:
            self._changed.set()
            busy = list(self._busy)
        for thread in busy:
            thread.join(30)
            if thread.is_alive():
                raise RuntimeError("a connection to the collector did not end")

    def close(self) -> None:
        """Stop listening."""
        self.set(Mode.DOWN)

    # ---- connections ----

    def _accept_all(self) -> None:
        """Wait until everyone who has connected so far is served: connections are accepted in their order."""
        if self._mode is not Mode.DOWN:
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as link:
                link.shutdown(socket.SHUT_WR)
                link.recv(1)  # its end: it was accepted

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name="collector").start()
        return listener

    def _close_listener(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(link,), daemon=True, name="collector connection")
            with self._lock:
                self._busy.add(thread)
            thread.start()

    def _serve(self, link: socket.socket) -> None:
        with suppress(OSError), link, link.makefile("rb") as stream:
            while (request := self._read(stream)) is not None and self._handle(link, request):
                pass
        with self._lock:
            self._busy.discard(threading.current_thread())

    def _read(self, stream: BinaryIO) -> _Request | None:
        """Return the next request, None where the client has gone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return None
            head += line
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = stream.read(int(headers["content-length"]))
        if len(body) < int(headers["content-length"]):
            return None
        if first != f"POST {PATH} HTTP/1.1":
            self.faults.append(f"request line {first!r}")
        return _Request(headers.get("x-splunk-request-channel", ""), headers, body)

    def _handle(self, link: socket.socket, request: _Request) -> bool:
        """Store and answer as the mode says; False where that ends the connection."""
        with self._lock:
            mode, changed = self._mode, self._changed
        if mode in {Mode.DOWN, Mode.RESET}:
            return _reset(link)
        if mode in {Mode.BUSY, Mode.FORBIDDEN}:
            return _answer(link, *(_BUSY if mode is Mode.BUSY else _FORBIDDEN))
        status, content = self._store(request, confirmed=mode in {Mode.UP, Mode.SLOW})
        if mode is Mode.LOST_ANSWER:
            return _reset(link)
        if mode is Mode.HALF_ANSWER:
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            return False
        if mode is Mode.SLOW:
            changed.wait(self.delay)
        return _answer(link, status, content)

    # ---- what arrives ----

    def _store(self, request: _Request, *, confirmed: bool) -> tuple[int, dict[str, Any]]:
        try:
            events = self._parse(request)
        except (RequestError, ValueError, OSError, EOFError) as error:
            self.faults.append(f"{type(error).__name__}: {error}")
            return 400, {"text": "Invalid data format", "code": 6}
        with self._lock:
            if request.channel not in self.channels:
                self.channels.append(request.channel)
            run = self.channels.index(request.channel)
            for number, (event_id, name) in enumerate(events):
                if name.endswith(POISON):  # HEC stores what stands before it, and nothing after it
                    return 400, {"text": "Invalid data format", "code": 6, "invalid-event-number": number}
                self.arrivals.append(Arrival(run, event_id, name, confirmed))
        return _SUCCESS

    def _parse(self, request: _Request) -> list[tuple[str, str]]:
        if request.headers.get("authorization") != f"Splunk {self.token}":
            raise RequestError("authorization")
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return [_event(line) for line in body.split(b"\n")]


def _event(line: bytes) -> tuple[str, str]:
    """Return id and name of an object, which has to be as HEC wants it."""
    value = json.loads(line)
    if not isinstance(value, dict) or set(value) - _KEYS:
        raise RequestError("an object with an unknown key")
    name, fields = value.get("event"), value.get("fields")
    if not isinstance(name, str) or not name.strip():
        raise RequestError("an object with a blank event")
    if not isinstance(fields, dict) or not isinstance(fields.get("beacon_id"), str):
        raise RequestError("an object without beacon_id")
    return fields["beacon_id"], name_of(name)


def _answer(link: socket.socket, status: int, content: dict[str, Any]) -> bool:
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    link.sendall(head.encode() + body)
    return True


def _reset(link: socket.socket) -> bool:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() then sends RST
    return False
