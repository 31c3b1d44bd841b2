"""A local server that accepts only what HEC would accept, and answers what a test tells it to.

A test module that uses it names the token that has to come: `TOKEN`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from beacon_core import Host
from beacon_core.testing import FaultyServer, Request, Step
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter

SUCCESS = Step(body=b'{"text": "Success", "code": 0}')


@dataclass
class Collector:
    """What was received and what is answered: `answers` in turn, then success."""

    token: str
    url: str = ""
    answers: list[Step] = field(default_factory=list)
    objects: list[list[dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Step:
        self.headers.append(dict(request.headers))
        if request.path != "/services/collector/event":
            self.faults.append(f"path {request.path}")
        if request.headers.get("authorization") != f"Splunk {self.token}":
            self.faults.append("authorization")
        self.objects.append([self.parse(line) for line in request.body.split(b"\n")])
        return self.answers.pop(0) if self.answers else SUCCESS

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

    with FaultyServer(state.answer) as server:
        state.url = server.url
        yield state
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
