"""A destination that counts: answers as Splunk HEC does and knows the number of every record that has come.

Run as `python sink.py`; prints its port, then serves until it is ended. GET `/counts` gives the counts as JSON and
`/numbers` the numbers of the records, a line each.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from records import LEAK, NUMBER


class Tally:
    """What has arrived. Any thread."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._lock = threading.Lock()
        self._duplicates = self._leaked = self._bytes = self._requests = self._unreadable = 0
        self._latest = 0.0  # monotonic time of the last record that was new

    def take(self, body: bytes, *, compressed: bool) -> None:
        """Count the records of a request."""
        try:
            text = zlib.decompress(body, 31) if compressed else body
        except zlib.error:
            text = b""
        found = list(map(int, NUMBER.findall(text)))
        leaked = len(LEAK.findall(text))
        with self._lock:
            before = len(self.numbers)
            self.numbers.update(found)
            fresh = len(self.numbers) - before
            self._duplicates += len(found) - fresh
            self._leaked += leaked
            self._bytes += len(body)
            self._requests += 1
            self._unreadable += not text and bool(body)
            if fresh:
                self._latest = time.monotonic()

    def counts(self) -> dict[str, float]:
        """Return the counts."""
        with self._lock:
            return {
                "unique": len(self.numbers),
                "duplicates": self._duplicates,
                "leaked": self._leaked,
                "bytes": self._bytes,
                "requests": self._requests,
                "unreadable": self._unreadable,
                "latest": self._latest,
            }

    def listed(self) -> str:
        """Return the numbers as lines."""
        with self._lock:
            return "\n".join(map(str, self.numbers))


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together
    tally: Tally

    def do_POST(self) -> None:
        """Take records."""
        body = self._chunks() if "chunked" in self.headers.get("transfer-encoding", "") else self._whole()
        self.tally.take(body, compressed=self.headers.get("content-encoding", "") == "gzip")
        self._answer(b'{"text":"Success","code":0}')

    def do_GET(self) -> None:
        """Say what has come, or that all is well."""
        if self.path == "/counts":
            self._answer(json.dumps(self.tally.counts()).encode())
        elif self.path == "/numbers":
            self._answer(self.tally.listed().encode())
        else:
            self._answer(b'{"text":"HEC is healthy","code":17}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the interface is http.server's
        """Say nothing."""

    def _whole(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A thread a connection; a connection that breaks is no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where the other side is gone; else what http.server says."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> None:
    """Serve until the process is ended."""
    Handler.tally = Tally()
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
