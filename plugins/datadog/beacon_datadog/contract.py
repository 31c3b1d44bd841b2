"""The contract of the Datadog exporter, for `beacon plugins check beacon-datadog`; it needs pytest."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from itertools import groupby

import msgspec
import pytest

from beacon_core import AttributeValue, Batch, Exporter
from beacon_core.testing import ExporterContract, FaultyServer, Request, Step
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter

KEY = "FAKE" * 8
TOKEN = "pub" + KEY
ERROR = msgspec.json.encode({"errors": [f"refused {TOKEN}"]})  # both kinds of key, as a gateway may repeat them
FAULTS = [Step(fault="reset"), Step(fault="half"), Step(fault="hang"), Step(fault="close")]
FAULTS += [Step(status=n, body=ERROR) for n in (307, 400, 401, 403, 404, 408, 413, 418, 429, 500, 503)]


class DatadogContract(ExporterContract):
    """Posts to a server that takes everything, with each kind of key; fails at one that takes nothing."""

    def make(self, url: str, key: str, **options: object) -> Exporter:
        """Return an exporter for a server that is all intakes in one."""
        intakes = {"logs": {"endpoint": url}, "metrics": {"endpoint": url}}
        return DatadogExporter(DatadogConfig.model_validate({"api": {"key": key}, **intakes, **options}))

    @pytest.fixture(params=[KEY, TOKEN], ids=["API key", "client token"])
    def key(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def exporter(self, key: str) -> Iterator[Exporter]:
        with FaultyServer(lambda _request: Step(status=202)) as self.server:
            yield self.make(self.server.url, key)

    @pytest.fixture
    def delivered(self) -> Callable[[], list[str]]:
        return lambda: [event_id for request in self.server.requests for event_id in ids_in(request)]

    @pytest.fixture(params=FAULTS, ids=lambda step: step.fault or str(step.status))
    def failing_exporter(self, key: str, request: pytest.FixtureRequest) -> Iterator[Exporter]:
        with FaultyServer(lambda _request: request.param) as server:
            yield self.make(server.url, key, timeout="200ms")

    def samples(self, count: int = 5, *, name: str = "sample", value: AttributeValue = "plain text") -> Batch:
        """Return events with their ids for names: a metric point is known by nothing else at Datadog."""
        batch = super().samples(count, name=name, value=value)
        return batch.with_events([msgspec.structs.replace(event, name=event.id) for event in batch])


def ids_in(request: Request) -> list[str]:
    """Return the ids of a request's events; a histogram or a summary is several series in a row, with one id."""
    body = zlib.decompress(request.body) if "?" in request.path else request.body  # the browser intake's query says so
    return [key for key, _ in groupby(re.findall(r'"(?:beacon_id|metric)":"([\w-]+)', body.decode()))]
