"""The strict intakes, exporters that are started for them, and whole pipelines that end there.

A test module that uses them names the key that has to come: `KEY`.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Host
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer
from plugins.datadog.tests.running import Outcome, deliver


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
def own_process() -> Iterator[None]:
    """Let a program run in this process: what it changes for itself is changed back."""
    root, beacon = logging.getLogger(), logging.getLogger("beacon")
    kept = root.handlers[:], root.level, beacon.level, threading.excepthook
    numbers = {signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield
    root.handlers[:], root.level, beacon.level, threading.excepthook = kept
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def run(request: pytest.FixtureRequest, intake: DatadogServer, tmp_path: Path) -> Callable[..., Outcome]:
    """What runs a whole pipeline to the intakes in a folder of the test; see `deliver`."""
    request.getfixturevalue("own_process")
    return partial(deliver, tmp_path, intake)
