"""The contract of exporters, with an API key and with a client token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beacon_core import Exporter
from beacon_core.testing import ExporterContract, FaultyServer, Request, Step
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer

KEY = "FAKE" * 8
TOKEN = "pub" + KEY
FAULTS = {
    "bad request": Step(status=400),
    "unauthorized": Step(status=401),
    "forbidden": Step(status=403),
    "too large": Step(status=413),
    "throttled": Step(status=429),
    "redirect": Step(status=307, headers={"Location": "https://elsewhere.invalid/"}),
    "broken": Step(status=500),
    "reset": Step(fault="reset"),
    "silent": Step(fault="hang"),
}


def make(url: str, key: str, **options: Any) -> DatadogExporter:
    base = {"api": {"key": key}, "logs": {"endpoint": url}, "metrics": {"endpoint": url}}
    return DatadogExporter(DatadogConfig.model_validate(base | options))


def repeat_key(step: Step, key: str) -> Callable[[Request], Step]:
    """Return what answers with a step that repeats everything that it was sent."""

    def answer(request: Request) -> Step:
        detail = f"{request.path} {dict(request.headers)} {key}"
        body = json.dumps({"errors": [{"title": key, "detail": detail}]}).encode()
        return Step(status=step.status, headers=step.headers, body=body, fault=step.fault)

    return answer


class ToDatadog(ExporterContract):
    __test__ = False
    key = KEY

    @pytest.fixture
    def exporter(self, intake: DatadogServer) -> Exporter:
        intake.key = self.key
        return make(intake.url, self.key)

    @pytest.fixture(params=FAULTS.values(), ids=FAULTS.keys())
    def failing_exporter(self, request: pytest.FixtureRequest) -> Iterator[Exporter]:
        with FaultyServer(repeat_key(request.param, self.key)) as server:
            yield make(server.url, self.key, timeout="200ms")


class TestLogs(ToDatadog):
    __test__ = True
    signals = ("log", "span")

    @pytest.fixture
    def delivered(self, intake: DatadogServer) -> Callable[[], list[str]]:
        return lambda: intake.ids


class TestEverything(ToDatadog):
    """Metric points have no id at Datadog: what arrives is compared in the golden files."""

    __test__ = True


class TestClientToken(ToDatadog):
    __test__ = True
    key = TOKEN

    @pytest.fixture
    def delivered(self, intake: DatadogServer) -> Callable[[], list[str]]:
        return lambda: intake.ids
