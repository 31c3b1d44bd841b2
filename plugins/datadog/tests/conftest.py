"""The strict intakes, exporters that are started for them, and whole pipelines that end there.

A test module that uses them names the key that has to come: `KEY`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, Host
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer
from tests.pipeline_run import Outcome, Run, deliver


@pytest.fixture
def intake(request: pytest.FixtureRequest) -> Iterator[DatadogServer]:
    """Strict intakes; that nobody broke a rule is checked at the end."""
    with DatadogServer(request.module.KEY) as server:
        yield server
    assert server.faults == []


@pytest.fixture
def start(intake: DatadogServer) -> Iterator[Callable[..., DatadogExporter]]:
    """What starts an exporter for the intakes, given options and, as `host`, the host."""
    exporters = []

    def make(host: Host | None = None, **options: Any) -> DatadogExporter:
        base = {"api": {"key": intake.key}, "logs": {"endpoint": intake.url}, "metrics": {"endpoint": intake.url}}
        exporter = DatadogExporter(DatadogConfig.model_validate(base | options))
        exporters.append(exporter)
        exporter.start(host or Host("datadog"))
        return exporter

    yield make
    for exporter in exporters:
        exporter.shutdown(1)


@pytest.fixture
def run(intake: DatadogServer, tmp_path: Path) -> Run:
    """What sends events through a whole pipeline to the intakes; see `deliver`."""

    def run_to_intakes(events: Batch | bytes, *, drain: str = "", each: int = 1000, **options: Any) -> Outcome:
        intakes = {"logs": {"endpoint": intake.url}, "metrics": {"endpoint": intake.url}}
        options = {"api": {"key": "${env:DD_API_KEY}"}, **intakes, **options}
        return deliver(tmp_path, "datadog", options, events, drain=drain, each=each, DD_API_KEY=intake.key)

    return run_to_intakes
