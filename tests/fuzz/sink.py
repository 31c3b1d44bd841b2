"""A destination for what hostile input becomes: takes everything, and notes what is not strict JSON in UTF-8."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

_ANSWERS = {"/services/collector/event": (200, b'{"text":"Success","code":0}')}
_KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}


class Sink:
    """What has come."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.objects = 0
        self.faults: list[str] = []

    def take(self, path: str, body: bytes) -> None:
        """Look at a request."""
        try:
            pieces = body.split(b"\n") if path in _ANSWERS else [body]
            values = [json.loads(piece.decode(), parse_constant=_refuse) for piece in pieces]
        except (ValueError, RecursionError) as error:
            self.faults.append(f"{path}: {type(error).__name__}: {error}")
            return
        self.objects += len(values)
        for value in values:
            if path in _ANSWERS and (set(value) - _KEYS or value["event"] in (None, "", [], {})):
                self.faults.append(f"{path}: an object that Splunk does not take: {value}")


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Serve on a free port meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            coding = self.headers.get("Content-Encoding")
            body = gzip.decompress(body) if coding == "gzip" else zlib.decompress(body) if coding == "deflate" else body
            sink.take(self.path, body)
            status, content = _ANSWERS.get(self.path, (202, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink = Sink(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
