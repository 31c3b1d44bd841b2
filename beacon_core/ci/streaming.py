"""What a wrapped agent prints reaches the job's log byte for byte, and the session as events ([A6], `--stream-json`).

A thread copies; it waits for nobody but the reader of our own stdout. Another makes events of what was copied and sends
them to the sidecar as any agent does, over OTLP/HTTP, so that every pipeline takes them. What it cannot keep up with is
counted and left out: telemetry never holds the command up (P9).
"""

from __future__ import annotations

import http.client
import os
import queue
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import IO
from urllib.parse import urlsplit

from beacon_core.component import Host
from beacon_core.errors import QueueFullError, QueueUnavailableError
from beacon_core.event import Batch
from beacon_core.lines import Handover, LineDecoder, LineSplitter, Stop, resumes
from beacon_core.otlp import encode_otlp_json

_CHUNK = 64 * 1024
_CHUNKS = 512  # 32 MiB that wait for the sidecar at most
_MAX_LINE_BYTES = 16 * 1024 * 1024
_MAX_EVENTS = 100  # in one request
_REQUEST_TIMEOUT = 10.0
_TRIES_APART = 0.2
_TICK = 0.05


class StreamCopy:
    """The stdout of one command on its way to ours, and to the sidecar.

    Args:
        endpoint: where the sidecar listens for OTLP over HTTP.
        words: the command, which tells a resumed session.
        target: descriptor to copy to.
    """

    def __init__(self, endpoint: str, words: Sequence[str], *, target: int = 1) -> None:
        self._sidecar = _Sidecar(endpoint)
        self._resumed = resumes(words)
        self._target = target
        self._chunks: queue.Queue[bytes] = queue.Queue(_CHUNKS)
        self._copied = threading.Event()
        self._stop = Stop()
        self._lost = 0  # bytes
        self._threads: list[threading.Thread] = []

    def start(self, output: IO[bytes]) -> None:
        """Begin to copy what comes out of a pipe."""
        for name, target, arguments in (("copy", self._copy, (output,)), ("send", self._send, ())):
            thread = threading.Thread(target=target, args=arguments, name=f"stream-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def finish(self, timeout: float) -> list[str]:
        """Wait for what is on its way, at most `timeout` seconds; return what went wrong.

        Whoever holds the pipe open after the command has ended, a process that it left behind, is not waited for.
        """
        deadline = time.monotonic() + timeout
        copying, sending = self._threads
        copying.join(timeout)
        self._copied.set()
        sending.join(max(0.0, deadline - time.monotonic()))
        self._stop.request(0)
        notices = [f"{self._lost} bytes of the command's output are not in the telemetry"] if self._lost else []
        if copying.is_alive():
            notices.append("something that the command left running holds its output open; what it prints is not taken")
        return [*notices, *self._sidecar.notices]

    def _copy(self, output: IO[bytes]) -> None:
        while chunk := os.read(output.fileno(), _CHUNK):
            try:
                self._chunks.put_nowait(chunk)
            except queue.Full:
                self._lost += len(chunk)
            if not _write(self._target, chunk):  # nobody reads our stdout: the command is to know, as without us
                output.close()
                break
        self._copied.set()

    def _send(self) -> None:
        handover = Handover(self._sidecar, Host("stream"), self._stop, os.urandom(16), _MAX_EVENTS)
        splitter, decoder = LineSplitter(_MAX_LINE_BYTES), LineDecoder("auto", lenient=True)
        while chunk := self._next(handover):
            for line in splitter.feed(chunk):
                self._add(line, decoder, handover)
        for line in splitter.end():
            self._add(line, decoder, handover)
        handover.hand_over()

    def _next(self, handover: Handover) -> bytes:
        """Return what comes next, empty at the end."""
        while True:
            copied = self._copied.is_set()  # before looking: nothing comes after
            try:
                return self._chunks.get(timeout=0 if copied else min(handover.patience, _TICK))
            except queue.Empty:
                if copied:
                    return b""
                handover.hand_over_what_is_due()

    def _add(self, line: bytes, decoder: LineDecoder, handover: Handover) -> None:
        if not line or line.isspace():
            return
        if decoder.stream is not None:
            decoder.stream.resumed = self._resumed
        handover.add(line, decoder.decode(line, time.time_ns()))


class _Sidecar:
    """Takes batches and sends them to the sidecar; a consumer. One thread uses it."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_REQUEST_TIMEOUT)
        self._path = f"{parts.path.rstrip('/')}/v1/logs"
        self._gone = False
        self.notices: list[str] = []

    def consume(self, batch: Batch) -> None:
        """Send a batch; see `Consumer.consume`."""
        for body in encode_otlp_json(batch):
            if not self._gone:
                self._post(body, len(batch))

    def consume_all(self, batches: Sequence[Batch]) -> None:
        """Send batches one by one; see `Consumer.consume_all`."""
        for batch in batches:
            self.consume(batch)

    def _post(self, body: bytes, events: int) -> None:
        try:
            self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            self._gone = True
            self.notices.append("the sidecar is gone; what the command printed from then on is not in the telemetry")
            return
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise QueueUnavailableError("the sidecar does not answer") from None
        if answer.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            raise QueueFullError("the sidecar's queue is full", _TRIES_APART)
        if answer.status != HTTPStatus.OK:
            self.notices.append(f"the sidecar refused {events} events of the command's output ({answer.status})")


def _write(target: int, data: bytes) -> bool:
    """Write all of it; return False if nobody reads it."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(target, left) :]
    except OSError:
        return False
    return True
