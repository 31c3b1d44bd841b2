"""A destination that counts: answers as Splunk HEC does and knows the number of every record that has come.

Run as `python sink.py`; prints its port, then serves until it is ended. GET `/arrivals` says as JSON what has come,
without opening it, `/counts` what was in it, and `/numbers` gives the numbers of the records, a line each. Requests are
opened when that is asked for: while records come, the processors are the subject's.
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import Callable
from typing import cast

import httptools

from loops import new_event_loop
from records import LEAK, NUMBER

_GZIP = 31  # zlib's wbits: the largest window, gzip header and trailer
_SUCCESS = b'{"text":"Success","code":0}'
_HEALTHY = b'{"text":"HEC is healthy","code":17}'


def unpacking() -> tuple[Callable[[bytes, int], bytes], type[Exception]]:
    """Return isal's decompression and its error; zlib's, which takes seven times as long, where isal has no wheel."""
    try:
        from isal.isal_zlib import decompress, error  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return zlib.decompress, zlib.error
    return decompress, cast("type[Exception]", error)  # the stubs say that it is one


class Tally:
    """What has arrived."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._unpack, self._error = unpacking()
        self._duplicates = self._leaked = self._bytes = self._requests = self._unreadable = 0
        self._latest = 0.0  # monotonic time of the last record that was new
        self._closed: list[tuple[float, bytes, bool]] = []  # when each request came, its body, whether compressed
        self._cpu = self._opening = 0.0  # processor time until the last arrival, and of what opening has taken

    def take(self, body: bytes, *, compressed: bool) -> None:
        """Keep a request."""
        self._closed.append((time.monotonic(), body, compressed))
        self._requests += 1
        self._bytes += len(body)
        self._cpu = time.process_time() - self._opening

    def arrivals(self) -> dict[str, float]:
        """Return how many requests have come, and the processor time that they have taken."""
        return {"requests": self._requests, "cpu": self._cpu}

    def counts(self) -> dict[str, float]:
        """Return what has come."""
        self._open()
        return {
            "unique": len(self._numbers),
            "duplicates": self._duplicates,
            "leaked": self._leaked,
            "bytes": self._bytes,
            "requests": self._requests,
            "unreadable": self._unreadable,
            "latest": self._latest,
        }

    def numbers(self) -> set[int]:
        """Return the numbers of the records that have come."""
        self._open()
        return self._numbers

    def _open(self) -> None:
        """Count the records of all requests that have come since."""
        begin = time.process_time()
        for when, body, compressed in self._closed:
            self._count(when, body, compressed=compressed)
        self._closed.clear()
        self._opening += time.process_time() - begin

    def _count(self, when: float, body: bytes, *, compressed: bool) -> None:
        try:
            text = self._unpack(body, _GZIP) if compressed else body
        except self._error:
            text = b""
        found = list(map(int, NUMBER.findall(text)))
        before = len(self._numbers)
        self._numbers.update(found)
        fresh = len(self._numbers) - before
        self._duplicates += len(found) - fresh
        self._leaked += len(LEAK.findall(text))
        self._unreadable += not text and bool(body)
        if fresh:
            self._latest = when

    def answer(self, path: bytes) -> bytes:
        """Return what a GET gets: what has come, or that all is well."""
        if path == b"/arrivals":
            return json.dumps(self.arrivals()).encode()
        if path == b"/counts":
            return json.dumps(self.counts()).encode()
        if path == b"/numbers":
            return "\n".join(map(str, self.numbers())).encode()
        return _HEALTHY


class Connection(asyncio.Protocol):
    """Answers one connection; httptools calls what begins with `on_`."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Go on; who speaks something else than HTTP is cut off."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.abort()

    def on_message_begin(self) -> None:
        """Expect a request."""
        self._path, self._chunks, self._compressed, self._waits = b"", list[bytes](), False, False

    def on_url(self, url: bytes) -> None:
        """Note a part of its path."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note what matters of its head."""
        name = name.lower()
        if name == b"content-encoding":
            self._compressed = value == b"gzip"
        elif name == b"expect":
            self._waits = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Ask for the body, if the other side waits to be asked."""
        if self._waits:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """Keep a part of its body."""
        self._chunks.append(part)

    def on_message_complete(self) -> None:
        """Take the records, or say what has come."""
        if self._parser.get_method() == b"GET":
            body = self._tally.answer(self._path)
        else:
            self._tally.take(b"".join(self._chunks), compressed=self._compressed)
            body = _SUCCESS
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)
        if not self._parser.should_keep_alive():
            self._transport.close()


async def serve() -> None:
    """Serve until the process is ended."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve())
