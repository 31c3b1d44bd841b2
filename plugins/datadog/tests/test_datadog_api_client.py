"""Datadog's own client sends the same events: the strict intakes take them, and store the same where it matters.

The requests in `datadog_api_client/requests.json` were recorded once, by `datadog_api_client/record.py`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from beacon_core import Batch, Metric
from beacon_core.testing import make_event
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer

KEY = "FAKE" * 8
RECORDING = json.loads((Path(__file__).parent / "datadog_api_client" / "requests.json").read_text(encoding="utf-8"))
TIME = 1_795_145_112_904_000_000
RESOURCE = {
    "service.name": "claude-code",
    "service.version": "2.1",
    "host.name": "ci-1",
    "deployment.environment.name": "prod",
}
POINT: dict[str, Any] = {
    "signal": "metric",
    "body": None,
    "time_unix_nano": TIME,
    "attributes": {"model": "opus"},
    "resource": {"service.name": "claude-code", "host.name": "ci-1"},
}
TOOK = Metric(
    kind="histogram", temporality="delta", count=2, bucket_counts=[0, 2], explicit_bounds=[1.5], min=1.5, max=2.5
)
EVENTS = Batch(
    "b",
    (
        make_event(0, time_unix_nano=TIME, body="tool finished \u2603", severity_number=13, resource=RESOURCE),
        make_event(
            1,
            time_unix_nano=TIME + 1_000_000,
            body="second",
            severity_number=17,
            resource={"service.name": "claude-code"},
        ),
        make_event(
            2,
            **POINT,
            name="tokens",
            metric=Metric(kind="sum", temporality="delta", value=3, start_time_unix_nano=TIME - 60_000_000_000),
        ),
        make_event(3, **POINT, name="tokens", metric=Metric(kind="gauge", value=0.5)),
        make_event(4, **POINT, name="took", metric=TOOK),
    ),
)


@pytest.fixture
def theirs() -> DatadogServer:
    """What is stored after their requests; the rules of Beacon's own do not hold for them."""
    with DatadogServer(KEY, strict=False) as server:
        for request in RECORDING["requests"]:
            coding = {"gzip": gzip.compress, "deflate": zlib.compress}[request["headers"]["Content-Encoding"]]
            body = coding(request["body"].encode())
            answer = httpx.post(server.url + request["path"], content=body, headers=request["headers"])
            assert (answer.status_code, answer.json()) == (202, {})
    return server


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether all that the client said stands in what Beacon said."""
    return {name: other.get(name) for name in one} == one


def test_what_datadogs_own_client_sends_is_taken_and_equals_ours_in_what_matters(
    intake: DatadogServer, theirs: DatadogServer, start: Callable[..., DatadogExporter]
) -> None:
    start(ddsource="ci", tags=["team:ci"]).export(EVENTS)
    assert [len(theirs.logs), len(theirs.series), len(theirs.points)] == [2, 2, 1]
    for said, ours in (
        *zip(theirs.logs, intake.logs, strict=True),
        *zip(theirs.series, without_tag(intake.series), strict=True),
        *zip(theirs.points, without_tag(intake.points), strict=True),
    ):
        assert same(said, ours), (said, ours)


def without_tag(series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return series without the tag that the exporter gives to logs and metrics alike."""
    return [one | {"tags": [tag for tag in one["tags"] if tag != "team:ci"]} for one in series]


def test_both_use_the_same_paths_media_types_and_codings(
    intake: DatadogServer, start: Callable[..., DatadogExporter]
) -> None:
    start().export(EVENTS)
    names = ("Content-Type", "Content-Encoding", "DD-API-KEY")
    said = [(each["path"], *(each["headers"][name] for name in names)) for each in RECORDING["requests"]]
    assert [(each.path, *(each.headers[name.lower()] for name in names)) for each in intake.requests] == said
