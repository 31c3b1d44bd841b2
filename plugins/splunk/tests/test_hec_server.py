"""The strict server itself: it answers as Splunk was seen to answer, and sees what a client must not do."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from plugins.splunk.tests.hec_server import HecServer

TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
CHANNEL = "5f0e9f0e-36cd-4c5c-9d3c-0a1b2c3d4e5f"
HEADERS = {
    "Authorization": f"Splunk {TOKEN}",
    "Content-Type": "application/json",
    "User-Agent": "beacon/0",
    "X-Splunk-Request-Channel": CHANNEL,
}
FIELDS = {"beacon_id": "e-0"}
GOOD: dict[str, Any] = {"time": "1795145112.904000007", "event": "x", "fields": FIELDS}


def post(server: HecServer, body: bytes | list[Any], path: str = "/event", **headers: str) -> tuple[int, Any]:
    if isinstance(body, list):
        body = "".join(map(json.dumps, body)).encode()
    sent = {k: v for k, v in (HEADERS | {n.replace("_", "-"): v for n, v in headers.items()}).items() if v}
    answer = httpx.post(f"{server.url}/services/collector{path}", content=body, headers=sent)
    return answer.status_code, answer.json() if answer.text.startswith("{") else answer.text


def good(**changes: Any) -> dict[str, Any]:
    return GOOD | changes


def refused(code: int, number: int) -> dict[str, int]:
    return {"code": code, "invalid-event-number": number}


def said(answer: tuple[int, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer[1].items() if name != "text"}


def test_what_is_good_is_stored_and_no_fault() -> None:
    with HecServer(TOKEN) as server:
        assert post(server, [good(), good(host="h")]) == (200, {"text": "Success", "code": 0})
        assert post(server, gzip.compress(json.dumps(GOOD).encode()), "", Content_Encoding="gzip")[0] == 200
        assert server.ids == ["e-0"] * 3
        assert server.faults == []


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [("", 401, 2), (f"Bearer {TOKEN}", 401, 3), (f"splunk {TOKEN}", 401, 3), ("Splunk other", 403, 4)],
)
def test_a_request_needs_the_token(authorization: str, status: int, code: int) -> None:
    with HecServer(TOKEN) as server:
        answer = post(server, [good()], Authorization=authorization)
        assert (answer[0], answer[1]["code"]) == (status, code)
        assert server.stored == []


@pytest.mark.parametrize(("cloud", "code"), [(False, 10), (True, 28)])
def test_a_token_with_acknowledgement_needs_a_channel(cloud: bool, code: int) -> None:
    with HecServer(TOKEN, acks=True, cloud=cloud) as server:
        assert post(server, [good()], X_Splunk_Request_Channel="")[1]["code"] == code
        assert post(server, [good()], X_Splunk_Request_Channel="none")[1]["code"] == 11


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"time": "1"}, 12),
        (good(event=None), 12),
        (good(event=""), 13),
        (good(fields={"a": {"b": "c"}}), 15),
        (good(fields={"a": [["b"]]}), 15),
        (good(fields={"_a": "b"}), 15),
        (good(fields={"host": "b"}), 15),
        (good(fields={"metric_name:a": "many"}), 15),
        (good(fields=["a"]), 6),
        (good(time=1.75e9), 0),
        (good(time="1,5"), 15),
        (good(time="1.75e9"), 15),
        ("text", 6),
        (good(index="nope"), 7),
    ],
)
def test_what_is_before_a_refused_object_is_stored_and_what_is_after_is_not(value: Any, code: int) -> None:
    with HecServer(TOKEN, strict=False, indexes={"main"}) as server:
        answer = said(post(server, [good(), value, good()]))
        assert answer == ({"code": 0} if code == 0 else refused(code, 2 if code == 7 else 1))
        assert len(server.stored) == (3 if code == 0 else 1)


def test_the_time_with_an_exponent_is_refused_also_as_a_number() -> None:
    with HecServer(TOKEN) as server:
        assert said(post(server, b'{"time":1.75248e9,"event":"x"}')) == refused(15, 0)
        assert said(post(server, b'{"time":1752480000.5,"event":"x"}')) == {"code": 0}
        assert "time" in "".join(server.faults)


def test_an_unknown_key_loses_what_follows_without_a_word() -> None:
    with HecServer(TOKEN) as server:
        assert said(post(server, [good(), good(level="info"), good()])) == {"code": 0}
        assert said(post(server, [good(level="info")])) == {"code": 5}
        assert said(post(server, b"")) == {"code": 5}
        assert len(server.stored) == 1
        assert "unknown key" in "".join(server.faults)


def test_fields_without_event_and_measurement_are_lost_without_a_word() -> None:
    with HecServer(TOKEN) as server:
        assert said(post(server, [{"time": GOOD["time"], "fields": {"beacon_id": "e-0"}}])) == {"code": 0}
        assert server.stored == []
        assert server.faults != []


def test_a_body_that_is_too_large_is_413_and_in_the_cloud_code_6() -> None:
    with HecServer(TOKEN, limit=100) as server:
        assert post(server, [good()] * 3)[0] == 413
    with HecServer(TOKEN, cloud=True) as server:
        assert said(post(server, [good(event="x" * 5_242_881)])) == refused(6, 0)
        assert said(post(server, [good(event="x" * 5_242_000)])) == {"code": 0}


def test_other_compressions_and_broken_gzip_are_answered_with_html() -> None:
    with HecServer(TOKEN) as server:
        status, text = post(server, b"x", Content_Encoding="deflate")
        assert (status, text[:5]) == (415, "<!doc")
        status, text = post(server, gzip.compress(b"{}" * 100)[:-9], Content_Encoding="gzip")
        assert (status, text[:5]) == (400, "<!doc")


def test_an_acknowledgement_is_told_once_and_on_its_channel_only() -> None:
    with HecServer(TOKEN, acks=True, acked_after=2) as server:
        assert said(post(server, [good()])) == {"code": 0, "ackId": 0}
        assert said(post(server, [good(), good(event="")])) == refused(13, 1) | {"ackId": 1}
        assert said(post(server, [good(event="")])) == refused(13, 0)
        other = CHANNEL.replace("5f", "6f")
        assert said(post(server, [good()], X_Splunk_Request_Channel=other)) == {"code": 0, "ackId": 0}
        asked = [post(server, b'{"acks":[0,1,7]}', "/ack")[1]["acks"] for _ in range(3)]
        assert asked == [
            {"0": False, "1": False, "7": False},
            {"0": True, "1": True, "7": False},
            {"0": False, "1": False, "7": False},
        ]
    with HecServer(TOKEN) as server:
        assert said(post(server, b'{"acks":[0]}', "/ack")) == {"code": 14}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"time": 1795145112.5}, "time"),
        ({"time": "1795145112.5"}, "time"),
        ({"index": ""}, "index"),
        ({"fields": {}}, "beacon_id"),
        ({"fields": FIELDS | {"n": 13}}, "field n"),
        ({"fields": FIELDS | {"n": None}}, "field n"),
        ({"fields": FIELDS | {"metric_name:2xx": 1}}, "field metric_name:2xx"),
        ({"fields": FIELDS | {"metric_name:a": "1"}}, "field metric_name:a"),
        ({"fields": FIELDS | {"metric_name:a": 1e22}}, "field metric_name:a"),
    ],
)
def test_what_splunk_may_take_and_beacon_never_sends_is_a_fault(change: dict[str, Any], fault: str) -> None:
    with HecServer(TOKEN) as server:
        post(server, [GOOD | change])
        assert [text.partition(":")[0] for text in server.faults] == [fault.partition(":")[0]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"X_Splunk_Request_Channel": ""},
        {"X_Splunk_Request_Channel": "00000000-0000-1000-8000-000000000000"},
        {"User_Agent": "python"},
    ],
)
def test_a_head_that_beacon_never_sends_is_a_fault(headers: dict[str, str]) -> None:
    with HecServer(TOKEN) as server:
        post(server, [GOOD], **headers)
        assert len(server.faults) == 1


def test_a_mix_of_indexes_other_paths_and_queries_are_faults() -> None:
    with HecServer(TOKEN) as server:
        post(server, [good(index="a"), good(index="b")])
        post(server, [GOOD], "/raw")
        post(server, [GOOD], "/event?token=x")
        assert len(server.faults) == 3


def test_after_a_restart_the_port_is_the_same_and_the_channels_are_forgotten() -> None:
    with HecServer(TOKEN, acks=True) as server:
        before = server.url
        post(server, [GOOD])
        server.restart()
        assert server.url == before
        assert said(post(server, [GOOD]))["ackId"] == 0
        assert server.ids == ["e-0", "e-0"]
