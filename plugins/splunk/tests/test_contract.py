"""The contract of exporters holds, with a token that has indexer acknowledgement and with one that has none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from beacon_core import Exporter
from beacon_core.testing import ExporterContract, FaultyServer, Request, Step
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HTML, HecServer, reply

TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
SOON = {"query_interval": "1ms", "timeout": "50ms"}
FAULTS: dict[str, Step] = {
    **{fault: Step(fault=fault) for fault in ("reset", "half", "hang", "close")},
    **{f"code {code}": reply(code, 0, status=400) for code in (4, 5, 6, 7, 9, 13, 14, 24)},
    **{str(status): Step(status=status, body=HTML) for status in (200, 302, 400, 403, 408, 413, 415, 429, 500, 503)},
}


def make(url: str, **options: object) -> SplunkHecExporter:
    return SplunkHecExporter(SplunkHecConfig.model_validate({"endpoint": url, "token": TOKEN, **options}))


def repeat_token(step: Step) -> Callable[[Request], Step]:
    """Answer as some servers do, with the credentials that came in."""

    def answer(request: Request) -> Step:
        if not step.body.startswith(b"{"):
            return step
        body = json.dumps(json.loads(step.body) | {"text": dict(request.headers)}).encode()
        return Step(status=step.status, body=body, fault=step.fault)

    return answer


class TestAccepted(ExporterContract):
    @pytest.fixture
    def exporter(self, hec: HecServer) -> Exporter:
        return make(hec.url)

    @pytest.fixture
    def delivered(self, hec: HecServer) -> Callable[[], list[str]]:
        return lambda: each_once(hec)

    @pytest.fixture(params=FAULTS.values(), ids=FAULTS.keys())
    def failing_exporter(self, request: pytest.FixtureRequest) -> Iterator[Exporter]:
        with FaultyServer(repeat_token(request.param)) as server:
            yield make(server.url, timeout="200ms")


class TestAcknowledged(ExporterContract):
    @pytest.fixture
    def exporter(self, hec: HecServer) -> Exporter:
        hec.acks, hec.acked_after = True, 2
        return make(hec.url, acknowledgements=SOON | {"timeout": "30s"})

    @pytest.fixture
    def delivered(self, hec: HecServer) -> Callable[[], list[str]]:
        return lambda: each_once(hec)

    @pytest.fixture(params=["never", "required", "lost"])
    def failing_exporter(self, request: pytest.FixtureRequest) -> Iterator[Exporter]:
        with HecServer(TOKEN, acks=request.param != "required", acked_after=10**9) as server:
            if request.param == "lost":
                server.ack_whims = [Step(fault="reset")] * 1000
            required = True if request.param == "required" else None
            yield make(server.url, acknowledgements=SOON | {"indexer_acknowledgements_enabled": required})


def each_once(hec: HecServer) -> list[str]:
    """Return the events that arrived; a summary or a histogram is several objects of one request."""
    return [key for objects in hec.batches for key in dict.fromkeys(value["fields"]["beacon_id"] for value in objects)]
