"""A local server that accepts only what Datadog's intakes would accept, and answers what a test tells it to.

A test module that uses it names the key that has to come: `KEY`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from beacon_core import Host
from beacon_core.testing import FaultyServer, Request, Step
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter

ACCEPTED = Step(status=202)


@dataclass
class Intake:
    """What was received and what is answered: `answers` in turn, then 202."""

    key: str
    url: str = ""
    answers: list[Step] = field(default_factory=list)
    logs: list[list[dict[str, Any]]] = field(default_factory=list)
    series: list[list[dict[str, Any]]] = field(default_factory=list)
    browser: list[list[dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.headers)

    def answer(self, request: Request) -> Step:
        self.receive(request.path, dict(request.headers), request.body)
        return self.answers.pop(0) if self.answers else ACCEPTED

    def receive(self, target: str, headers: dict[str, str], body: bytes) -> None:
        self.headers.append(headers)
        parts = urlsplit(target)
        if parts.query:
            self.receive_browser(parse_qs(parts.query, strict_parsing=True), headers, body)
            return
        for name, value in {
            "dd-api-key": self.key,
            "content-type": "application/json",
            "content-encoding": "gzip",
        }.items():
            if headers.get(name) != value:
                self.faults.append(name)
        value = json.loads(body)
        if parts.path == "/api/v2/logs":
            self.logs.append(value)
            self.faults += [f"entry {e}" for e in value if not isinstance(e["message"], str) or not e["message"]]
            self.faults += [f"time {e}" for e in value if type(e["timestamp"]) is not int]
        elif parts.path == "/api/v2/series":
            self.series.append(value["series"])
        else:
            self.faults.append(parts.path)

    def receive_browser(self, query: dict[str, list[str]], headers: dict[str, str], body: bytes) -> None:
        self.queries.append(query)
        if query.get("dd-api-key") != [self.key] or {"content-type", "dd-api-key"} & headers.keys():
            self.faults.append("browser intake")
        if query.get("dd-evp-encoding") == ["deflate"]:
            body = zlib.decompress(body)
        self.browser.append([json.loads(line) for line in body.split(b"\n")])


@pytest.fixture
def intake(request: pytest.FixtureRequest) -> Iterator[Intake]:
    state = Intake(request.module.KEY)

    with FaultyServer(state.answer) as server:
        state.url = server.url
        yield state
    assert state.faults == []


@pytest.fixture
def start(intake: Intake) -> Iterator[Callable[..., DatadogExporter]]:
    exporters = []

    def make(**options: Any) -> DatadogExporter:
        base = {"api": {"key": intake.key}, "logs": {"endpoint": intake.url}, "metrics": {"endpoint": intake.url}}
        exporter = DatadogExporter(DatadogConfig.model_validate(base | options))
        exporters.append(exporter)
        exporter.start(Host("datadog"))
        return exporter

    yield make
    for exporter in exporters:
        exporter.shutdown(1)
