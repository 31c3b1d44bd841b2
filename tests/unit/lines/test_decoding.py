"""What one line becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beacon_core import Event, InvalidDataError, Metric, Scope, Span, encode_batch, encode_lines
from beacon_core.event import Batch
from beacon_core.lines.decoding import MAX_DEPTH, decode_events
from beacon_core.testing import make_batch, make_event

RECEIVED = 1_795_145_112_904_000_000
TIME = 1_795_145_060_170_000_000
METRIC = make_event(1, id="m-1", signal="metric", body=None, metric=Metric(kind="sum", unit="s", value=1.5, count=3))
SPAN = make_event(2, id="s-1", signal="span", body=None, trace_id="ab" * 16, span_id="cd" * 8, span=Span(kind="client"))


def one(line: bytes | dict[str, Any], **options: Any) -> Event:
    (event,) = decode_events(line if isinstance(line, bytes) else json.dumps(line).encode(), RECEIVED, **options)
    return event


def refusal(line: bytes, **options: Any) -> str:
    with pytest.raises(InvalidDataError) as caught:
        decode_events(line, RECEIVED, **options)
    return str(caught.value)


# ---- Beacon's own lines ----


@pytest.mark.parametrize("line_format", ["auto", "json"])
@pytest.mark.parametrize("event", [make_event(scope=Scope(name="s"), severity_number=9), METRIC, SPAN])
def test_a_line_that_the_file_exporter_wrote_gives_the_same_event(event: Event, line_format: str) -> None:
    assert one(encode_lines(Batch("b", (event,))).strip(), line_format=line_format) == event


def test_an_own_line_needs_no_name() -> None:
    event = one({"id": "a-1", "signal": "log", "time_unix_nano": TIME})
    assert (event.id, event.name, event.time_unix_nano) == ("a-1", "", TIME)


@pytest.mark.parametrize(
    "change",
    [
        {"signal": "profile"},
        {"id": 7},
        {"signal": "metric"},
        {"signal": "span"},
        {"time_unix_nano": 0},
        {"time_unix_nano": -5},
        {"time_unix_nano": 2**64},
        {"trace_id": "not an id"},
        {"severity_number": "high"},
    ],
)
def test_what_only_looks_like_an_own_line_is_a_log_event_that_keeps_everything(change: dict[str, Any]) -> None:
    event = one({"id": "a-1", "signal": "log", "name": "n", "time_unix_nano": TIME} | change)
    assert (event.signal, event.id, event.name) == ("log", "", "n")
    assert event.attributes["id"] == change.get("id", "a-1")
    assert event.attributes["signal"] == change.get("signal", "log")
    encode_batch(Batch("b", (event,)))


# ---- any other object ----


def test_known_members_become_the_events_own_and_the_others_attributes() -> None:
    event = one(
        {
            "time": "2026-11-20T03:24:20.170Z",
            "level": "warn",
            "severity_number": 13,
            "name": "org.list",
            "message": "slow",
            "trace_id": "AB" * 16,
            "span_id": "cd" * 8,
            "resource": {"service.name": "cli"},
            "attributes": {"a": 1},
            "user": {"id": 5, "roles": ["x"]},
        }
    )
    assert event == Event(
        id="",
        signal="log",
        name="org.list",
        time_unix_nano=TIME,
        observed_time_unix_nano=RECEIVED,
        severity_text="warn",
        severity_number=13,
        body="slow",
        trace_id="ab" * 16,
        span_id="cd" * 8,
        resource={"service.name": "cli"},
        attributes={"a": 1, "user": {"id": 5, "roles": ["x"]}},
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("time_unix_nano", TIME),
        ("time_unix_nano", str(TIME)),
        ("time", "2026-11-20T03:24:20.17Z"),
        ("timestamp", "2026-11-20T05:24:20.170+02:00"),
        ("time", 1_795_145_060.17),
        ("time", "1795145060170"),
        ("timestamp", 1_795_145_060_170),
        ("timestamp", 1_795_145_060_170.0),
        ("timestamp", 1_795_145_060_170_000),
        ("time", TIME),
    ],
)
def test_a_time_is_understood_as_text_or_as_a_number_of_any_unit(member: str, value: object) -> None:
    event = one({member: value})
    assert event.time_unix_nano == TIME
    assert event.attributes == {}


def test_whole_seconds_are_seconds() -> None:
    assert one({"time": 1_795_145_060}).time_unix_nano == 1_795_145_060_000_000_000


@pytest.mark.parametrize(
    "value",
    ["yesterday", "", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "²", 0, -1, True, [1], {"s": 1}, 1e300, 2**70],
)
def test_a_time_that_is_none_becomes_an_attribute_and_the_time_of_receipt_stands_in(value: object) -> None:
    event = one({"time": value})
    assert event.time_unix_nano == RECEIVED
    assert event.attributes == {"time": str(value) if value == 2**70 else value}


def test_the_first_of_several_names_wins_and_what_says_something_else_is_kept() -> None:
    event = one({"message": "b", "body": "a", "msg": "a", "timestamp": TIME + 1, "time_unix_nano": TIME, "time": TIME})
    assert (event.body, event.time_unix_nano) == ("a", TIME)
    assert event.attributes == {"message": "b", "timestamp": TIME + 1}


def test_known_members_of_the_wrong_kind_become_attributes() -> None:
    members = {
        "name": 5,
        "level": 30,
        "severity_number": 25,
        "resource": "r",
        "attributes": [1],
        "trace_id": "abc",
        "span_id": 7,
    }
    event = one(members)
    assert event.attributes == members
    assert event.severity_number == 0


def test_known_members_that_are_null_or_ids_of_zeros_are_absent() -> None:
    event = one({"time": None, "level": None, "msg": None, "trace_id": "0" * 32, "span_id": ""})
    assert (event.attributes, event.trace_id, event.body) == ({}, "", None)


def test_a_name_in_attributes_wins_over_the_same_name_beside_it() -> None:
    assert one({"a": 1, "b": 1, "attributes": {"a": 2, "time": "x"}}).attributes == {"a": 2, "b": 1, "time": "x"}


def test_an_empty_object_is_an_event() -> None:
    assert one(b"{}").time_unix_nano == RECEIVED


# ---- odd text and numbers ----


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d", "\ufffd"),
        (rb"\uDE00x", "\ufffdx"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"\\ud83d", r"\ud83d"),
        (rb"\\\ud83d", "\\\ufffd"),
    ],
)
def test_lone_surrogates_become_replacement_characters_and_pairs_stay(text: bytes, meant: str) -> None:
    assert one(b'{"message":"' + text + b'"}').body == meant
    assert one(b'{"' + text + b'":1}').attributes == {meant: 1}


def test_an_integer_beyond_64_bits_becomes_text_so_that_the_queue_can_store_it() -> None:
    event = one({"a": 2**64, "b": [-(2**63) - 1, 2**64 - 1], "c": {"d": 10**40}})
    assert event.attributes == {"a": str(2**64), "b": [str(-(2**63) - 1), 2**64 - 1], "c": {"d": str(10**40)}}
    encode_batch(Batch("b", (event,)))
    own = make_event(signal="metric", metric=Metric(kind="gauge", value=2**70))
    assert one(encode_lines([own]).strip()).signal == "log"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "not JSON"),
        (b'{"secret":"x"', "not JSON"),
        (b'{"a":1}}', "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":-Infinity}', "not JSON"),
        (b'{"a":1e999}', "out of range"),
        (b'{"a":' + b"9" * 5000 + b"}", "out of range"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "not JSON"),
        (b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}", "nested deeper"),
        (b"[" * 500_000, "nested deeper"),
    ],
)
@pytest.mark.parametrize("line_format", ["auto", "json", "otlp_json"])
def test_p10_a_malformed_line_is_refused_with_a_reason_that_does_not_quote_it(
    line: bytes, why: str, line_format: str
) -> None:
    message = refusal(line, line_format=line_format)
    assert why in message
    assert "secret" not in message


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"k":', "}")])
def test_nesting_is_limited(opening: str, closing: str) -> None:
    for levels in (MAX_DEPTH - 1, MAX_DEPTH):
        line = f'{{"a":{opening * levels}1{closing * levels}}}'.encode()
        if levels < MAX_DEPTH:
            assert one(line).attributes["a"]
        else:
            assert "nested deeper than 64" in refusal(line)
    (own,) = make_batch(1, attributes={"a": json.loads(opening * 64 + "1" + closing * 64)})
    assert "nested deeper than 64" in refusal(encode_lines([own]).strip())


# ---- formats ----


def test_format_json_takes_an_otlp_request_for_an_object_like_any_other() -> None:
    assert one(b'{"resourceLogs":[]}', line_format="json").attributes == {"resourceLogs": []}


def test_format_otlp_json_refuses_everything_else() -> None:
    assert "not an OTLP request" in refusal(b'{"message":"resourceLogs"}', line_format="otlp_json")
    assert "not an OTLP request" in refusal(b'{"a":{"resourceLogs":[]}}', line_format="otlp_json")


def test_the_name_of_an_otlp_member_further_inside_makes_no_request() -> None:
    assert one(b'{"a":{"resourceLogs":[]}}').attributes == {"a": {"resourceLogs": []}}
    assert refusal(b'["resourceLogs"]') == "not a JSON object"
