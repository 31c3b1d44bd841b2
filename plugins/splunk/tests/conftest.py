"""The strict server, exporters that are started for it, and whole pipelines that end there.

A test module that uses them names the token that has to come: `TOKEN`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, Host
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HecServer
from tests.pipeline_run import Outcome, Run, deliver


@pytest.fixture
def hec(request: pytest.FixtureRequest) -> Iterator[HecServer]:
    """A strict server; that nobody broke a rule is checked at the end."""
    with HecServer(request.module.TOKEN) as server:
        yield server
    assert server.faults == []


@pytest.fixture
def start(hec: HecServer) -> Iterator[Callable[..., SplunkHecExporter]]:
    """What starts an exporter for the server, given options."""
    exporters = []

    def make(**options: Any) -> SplunkHecExporter:
        config = SplunkHecConfig.model_validate({"endpoint": hec.url, "token": hec.token, **options})
        exporter = SplunkHecExporter(config)
        exporters.append(exporter)
        exporter.start(Host("splunk_hec"))
        return exporter

    yield make
    for exporter in exporters:
        exporter.shutdown(1)


@pytest.fixture
def run(hec: HecServer, tmp_path: Path) -> Run:
    """What sends events through a whole pipeline to the server; see `deliver`."""

    def run_to_server(events: Batch, *, drain: str = "", each: int = 1000, **options: Any) -> Outcome:
        options = {"endpoint": hec.url, "token": "${env:TEST_HEC_TOKEN}"} | options
        return deliver(tmp_path, "splunk_hec", options, events, drain=drain, each=each, TEST_HEC_TOKEN=hec.token)

    return run_to_server
