"""A local server that accepts only what HEC would accept, and answers what a test tells it to.

A test module that uses it names the token that has to come: `TOKEN`.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from beacon_core import Host
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter

SUCCESS = (200, {"text": "Success", "code": 0})


@dataclass
class Collector:
    """What was received and what is answered: `answers` in turn, then success."""

    token: str
    url: str = ""
    answers: list[tuple[int, Any] | tuple[int, Any, dict[str, str]] | None] = field(default_factory=list)
    objects: list[list[dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.headers.append(headers)
        if path != "/services/collector/event":
            self.faults.append(f"path {path}")
        if headers.get("authorization") != f"Splunk {self.token}":
            self.faults.append("authorization")
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.objects.append([self.parse(line) for line in body.split(b"\n")])

    def parse(self, line: bytes) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(line)
        if unknown := set(value) - {"time", "host", "source", "sourcetype", "index", "event", "fields"}:
            self.faults.append(f"unknown key {unknown}")
        if value.get("event") in (None, ""):
            self.faults.append("blank event")
        for name, content in value["fields"].items():
            scalars = content if isinstance(content, list) else [content]
            number = name.startswith("metric_name:")
            if not all(isinstance(s, int | float) if number else isinstance(s, str) for s in scalars):
                self.faults.append(f"field {name}")
        return value


@pytest.fixture
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    state = Collector(request.module.TOKEN)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.receive(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            answer = state.answers.pop(0) if state.answers else SUCCESS
            if answer is None:  # hang up without a word
                self.close_connection = True
                return
            status, content, *more = answer
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
    assert state.faults == []


@pytest.fixture
def start(collector: Collector) -> Iterator[Callable[..., SplunkHecExporter]]:
    exporters = []

    def make(**options: Any) -> SplunkHecExporter:
        config = SplunkHecConfig.model_validate({"endpoint": collector.url, "token": collector.token, **options})
        exporter = SplunkHecExporter(config)
        exporters.append(exporter)
        exporter.start(Host("splunk_hec"))
        return exporter

    yield make
    for exporter in exporters:
        exporter.shutdown(1)
