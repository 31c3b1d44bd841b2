"""The contract of the Splunk exporter, for `beacon plugins check beacon-splunk`; it needs pytest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import pytest

from beacon_core import Exporter
from beacon_core.testing import ExporterContract, FaultyServer, Request, Step
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter

TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"  # noqa: S105 - made up
HTML = b"<!doctype html><title>refused</title>"
STATUSES = (200, 302, 400, 401, 403, 404, 408, 413, 415, 418, 429, 500, 503)


def refusal(code: int) -> Step:
    """Return an answer of HEC that repeats the token, as a gateway may."""
    body = {"text": f"refused Splunk {TOKEN}", "code": code, "invalid-event-number": 0}
    return Step(status=400, body=json.dumps(body).encode())


FAULTS: dict[str, Step] = {
    "reset": Step(fault="reset"),
    "half": Step(fault="half"),
    "hang": Step(fault="hang"),
    "close": Step(fault="close"),
    **{f"code {code}": refusal(code) for code in (4, 5, 6, 7, 9, 13, 14, 24)},
    **{f"HTTP {status}": Step(status=status, body=HTML) for status in STATUSES},
}


class SplunkHecContract(ExporterContract):
    """Posts to a server that takes everything, without indexer acknowledgement; fails at one that takes nothing."""

    def make(self, url: str, **options: object) -> Exporter:
        """Return an exporter for a server."""
        return SplunkHecExporter(SplunkHecConfig.model_validate({"endpoint": url, "token": TOKEN, **options}))

    @pytest.fixture
    def exporter(self) -> Iterator[Exporter]:
        with FaultyServer(lambda _request: Step(body=b'{"text":"Success","code":0}')) as self.server:
            yield self.make(self.server.url)

    @pytest.fixture
    def delivered(self) -> Callable[[], list[str]]:
        return lambda: [event_id for request in self.server.requests for event_id in ids_in(request)]

    @pytest.fixture(params=FAULTS)
    def failing_exporter(self, request: pytest.FixtureRequest) -> Iterator[Exporter]:
        with FaultyServer(lambda _request: FAULTS[request.param]) as server:
            yield self.make(server.url, timeout="200ms")


def ids_in(request: Request) -> Iterable[str]:
    """Return the ids of a request's events, each once: a histogram or a summary is several objects."""
    return dict.fromkeys(json.loads(line)["fields"]["beacon_id"] for line in request.body.splitlines())
