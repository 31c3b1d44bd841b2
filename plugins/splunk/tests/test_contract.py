"""The contract of exporters at the strict server, without indexer acknowledgement and with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import pytest

from beacon_core import Exporter
from beacon_core.testing import Step
from beacon_splunk.contract import TOKEN, SplunkHecContract
from plugins.splunk.tests.hec_server import HecServer

SOON = {"query_interval": "1ms", "timeout": "50ms"}


class TestAccepted(SplunkHecContract):
    @pytest.fixture
    def exporter(self, hec: HecServer) -> Exporter:
        return self.make(hec.url)

    @pytest.fixture
    def delivered(self, hec: HecServer) -> Callable[[], list[str]]:
        """What is stored; a histogram or a summary is several objects in a row."""
        return lambda: [event_id for event_id, _ in groupby(hec.ids)]


class TestAcknowledged(TestAccepted):
    @pytest.fixture
    def exporter(self, hec: HecServer) -> Exporter:
        hec.acks, hec.acked_after = True, 2
        return self.make(hec.url, acknowledgements=SOON | {"timeout": "30s"})

    @pytest.fixture(params=["never", "required", "lost"])
    def failing_exporter(self, request: pytest.FixtureRequest) -> Iterator[Exporter]:
        with HecServer(TOKEN, acks=request.param != "required", acked_after=10**9) as server:
            if request.param == "lost":
                server.ack_whims = [Step(fault="reset")] * 1000
            required = True if request.param == "required" else None
            yield self.make(server.url, acknowledgements=SOON | {"indexer_acknowledgements_enabled": required})
