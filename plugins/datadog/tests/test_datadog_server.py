"""The strict intakes themselves: they answer as Datadog documents it, and see what a client must not do."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from beacon_core.testing import Step
from plugins.datadog.tests.datadog_server import INTAKES, DatadogServer, answer

KEY = "FAKE" * 8
TOKEN = "pub" + KEY
LOGS, SERIES, POINTS = INTAKES
HEADERS = {
    "DD-API-KEY": KEY,
    "DD-EVP-ORIGIN": "beacon",
    "DD-EVP-ORIGIN-VERSION": "1",
    "Content-Type": "application/json",
    "User-Agent": "beacon/1",
}
QUERY = {
    "ddsource": "browser",
    "dd-api-key": TOKEN,
    "dd-evp-origin-version": "1",
    "dd-evp-origin": "browser",
    "dd-request-id": "5f0e9f0e-36cd-4c5c-9d3c-0a1b2c3d4e5f",
}
GOOD: dict[str, Any] = {
    "message": "x",
    "ddsource": "beacon",
    "beacon_id": "e-0",
    "timestamp": 1_795_145_112_904,
    "otel.timestamp": "1795145112904000007",
}
GAUGE: dict[str, Any] = {"metric": "m", "type": 3, "points": [{"timestamp": 1, "value": 1.5}]}
POINT: dict[str, Any] = {"metric": "m", "points": [[1, [1.0, 2.0]]]}


def post(server: DatadogServer, body: Any, path: str = LOGS, **headers: str | None) -> int:
    sent = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if path == POINTS and "Content_Type" not in headers:
        sent["Content-Type"] = "text/json"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kept = {name: value for name, value in sent.items() if value is not None}
    return httpx.post(server.url + path, content=content, headers=kept).status_code


def browse(server: DatadogServer, body: bytes, **changes: str | None) -> int:
    query = {name: value for name, value in (QUERY | changes).items() if value is not None}
    url = f"{server.url}{LOGS}?{urlencode(query)}"
    return httpx.post(url, content=body, headers={"User-Agent": "beacon/1"}).status_code


def test_what_is_good_is_stored_and_no_fault() -> None:
    with DatadogServer(KEY) as server:
        assert post(server, [GOOD, GOOD | {"status": "warn", "ddtags": "a:b,c"}]) == 202
        assert post(server, GOOD) == 202
        assert post(server, gzip.compress(json.dumps([GOOD]).encode()), Content_Encoding="gzip") == 202
        assert post(server, {"series": [GAUGE]}, SERIES) == 202
        assert (
            post(server, zlib.compress(json.dumps({"series": [POINT]}).encode()), POINTS, Content_Encoding="deflate")
            == 202
        )
        assert server.ids == ["e-0"] * 4
        assert (server.series, server.points) == ([GAUGE], [POINT])
        assert server.faults == []


@pytest.mark.parametrize("path", INTAKES)
@pytest.mark.parametrize(("key", "status"), [(None, 401), ("", 401), ("another", 403)])
def test_a_request_needs_the_key(path: str, key: str | None, status: int) -> None:
    with DatadogServer(KEY) as server:
        assert post(server, [GOOD], path, DD_API_KEY=key) == status
        assert server.logs == []


def test_a_client_token_is_for_the_browser_intake_and_an_api_key_is_not() -> None:
    with DatadogServer(TOKEN) as server:
        assert post(server, [GOOD], DD_API_KEY=TOKEN) == 403
        assert browse(server, json.dumps(GOOD).encode()) == 202
        assert server.faults == ["a client token on an intake of API keys"]
    with DatadogServer(KEY) as server:
        assert browse(server, json.dumps(GOOD).encode(), **{"dd-api-key": KEY}) == 403
        assert server.faults == ["an API key in a URL"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b'[{"ddsource": "x"}]', {}, 400),
        ([GOOD | {"message": {"a": 1}}], {}, 400),
        ([GOOD | {"ddtags": ["a:b"]}], {}, 400),
        ([GOOD], {"Content_Encoding": "br"}, 415),
        ([GOOD], {"Content_Type": "text/html"}, 415),
        ([GOOD], {"Content_Type": None}, 415),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        ([GOOD] * 1001, {}, 413),
        ([GOOD | {"message": "x" * 900_000}] * 6, {}, 413),
    ],
)
def test_logs_that_are_refused(body: Any, headers: dict[str, Any], status: int) -> None:
    with DatadogServer(KEY) as server:
        assert post(server, body, **headers) == status
        assert server.logs == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"series": []},
        {"series": [GAUGE | {"metric": ""}]},
        {"series": [GAUGE | {"type": "gauge"}]},
        {"series": [GAUGE | {"interval": 0}]},
        {"series": [GAUGE | {"points": []}]},
        {"series": [GAUGE | {"points": [[1, 2]]}]},
        {"series": [GAUGE | {"points": [{"timestamp": 1.5, "value": 1}]}]},
        {"series": [GAUGE | {"points": [{"timestamp": 1, "value": None}]}]},
        {"series": [GAUGE | {"resources": [{"name": "h"}]}]},
        {"series": [GAUGE | {"tags": "a:b"}]},
    ],
)
def test_series_that_are_refused(body: Any) -> None:
    with DatadogServer(KEY) as server:
        assert post(server, body, SERIES) == 400
        assert server.series == []


@pytest.mark.parametrize(
    "change",
    [
        {"metric": 1},
        {"type": "gauge"},
        {"points": []},
        {"points": [["1", [1]]]},
        {"points": [[1, []]]},
        {"points": [[1, [None]]]},
        {"tags": 1},
    ],
)
def test_distributions_that_are_refused(change: dict[str, Any]) -> None:
    with DatadogServer(KEY) as server:
        assert post(server, {"series": [POINT | change]}, POINTS) == 400
        assert post(server, gzip.compress(b"{}"), POINTS, Content_Encoding="gzip") == 415
        assert server.points == []


def test_metrics_have_a_limit_of_their_own() -> None:
    with DatadogServer(KEY) as server:
        assert post(server, {"series": [GAUGE | {"tags": ["x" * 512_000]}]}, SERIES) == 413
        body = json.dumps({"series": [GAUGE | {"tags": ["x" * 5_300_000]}]}).encode()
        assert post(server, gzip.compress(body), SERIES, Content_Encoding="gzip") == 413


@pytest.mark.parametrize("path", ["/", "/api/v1/logs", "/v1/input"])
def test_elsewhere_is_nothing(path: str) -> None:
    with DatadogServer(KEY) as server:
        assert post(server, [GOOD], path) == 404
        assert httpx.get(server.url + LOGS).status_code == 405
        assert server.faults == [f"POST {path}", f"GET {LOGS}"]


def test_tags_in_the_query_are_a_fault() -> None:
    with DatadogServer(KEY) as server:
        post(server, [GOOD], f"{LOGS}?ddtags=a:b")
        assert any("query" in fault for fault in server.faults)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"message": ""}, "message"),
        ({"ddsource": ""}, "ddsource"),
        ({"beacon_id": ""}, "beacon_id"),
        ({"timestamp": 1_795_145_112.904}, "time"),
        ({"timestamp": "1795145112904"}, "time"),
        ({"timestamp": 1_795_145_112}, "otel.timestamp"),
        ({"date": 1}, "time"),
        ({"status": 9}, "status"),
        ({"hostname": ""}, "hostname"),
        ({"ddtags": "a:b,,c:d"}, "ddtags"),
        ({"ddtags": "a:"}, "ddtags"),
        ({"trace_id": "ABC"}, "trace_id"),
        ({"span_id": "0af7651916cd43dd8448eb211c80319c"}, "span_id"),
    ],
)
def test_the_rules_of_the_house_are_about_entries(change: dict[str, Any], fault: str) -> None:
    with DatadogServer(KEY) as server:
        assert post(server, [GOOD | change]) == 202
        assert [text.partition(":")[0] for text in server.faults] == [fault]


def test_the_rules_of_the_house_are_about_sizes() -> None:
    with DatadogServer(KEY) as server:
        assert post(server, [GOOD | {"message": "x" * 960_000}] + [GOOD | {"message": "x" * 900_000}] * 4) == 202
        assert ["bytes" in fault for fault in server.faults] == [True, True]


def test_an_entry_above_the_limit_is_cut_without_a_word() -> None:
    with DatadogServer(KEY, strict=False) as server:
        assert post(server, [GOOD | {"message": "x" * 1_100_000}]) == 202
        assert len(json.dumps(server.logs[0], separators=(",", ":"))) == 1_000_000


@pytest.mark.parametrize("header", ["DD-PROTOCOL", "DD-EVP-ORIGIN", "User-Agent"])
def test_the_rules_of_the_house_are_about_headers(header: str) -> None:
    with DatadogServer(KEY) as server:
        post(server, [GOOD], **{header.replace("-", "_"): "agent-json"})
        assert server.faults == [header.lower()]


@pytest.mark.parametrize(
    "change",
    [{"ddsource": "beacon"}, {"dd-evp-origin": "beacon"}, {"dd-request-id": None}, {"ddtags": "a:b"}],
)
def test_the_query_of_the_browser_intake_is_that_of_the_browser_library(change: dict[str, str | None]) -> None:
    with DatadogServer(TOKEN) as server:
        browse(server, json.dumps(GOOD).encode(), **change)
        assert server.faults != []


def test_the_browser_intake_takes_lines_and_is_told_of_compression_by_the_query() -> None:
    lines = b"\n".join([json.dumps(GOOD).encode()] * 2)
    with DatadogServer(TOKEN) as server:
        assert browse(server, lines) == 202
        assert browse(server, zlib.compress(lines), **{"dd-evp-encoding": "deflate"}) == 202
        assert browse(server, b"[]") == 400
        assert server.ids == ["e-0"] * 4
        assert server.faults == []


def test_it_can_be_told_to_misbehave_and_to_come_back() -> None:
    with DatadogServer(KEY) as server:
        server.turns = [Step(status=429), lambda request: answer(500) if request.body else None]
        server.losing = [answer(503)]
        assert [post(server, [GOOD]) for _ in range(4)] == [429, 500, 503, 202]
        assert server.ids == ["e-0", "e-0"]  # the third one was stored, and its answer was another one
        server.mood = answer(408)
        assert post(server, [GOOD]) == 408
        server.mood = None
        server.poison = lambda entry: entry["message"] == "bad"
        assert post(server, [GOOD, GOOD | {"message": "bad"}]) == 400
        url = server.url
        server.restart()
        assert (server.url, server.requests) == (url, [])
        assert post(server, [GOOD]) == 202
        assert server.asked[-1] == (LOGS, ["e-0"])
