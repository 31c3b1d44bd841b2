"""Requests that `beacon-native` reads become the same events as without it; what it leaves alone is read as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon_core.event import Event
from beacon_core.native import native
from beacon_core.otlp import Encoding, decode_request
from tests.fuzz.corpus import JSON, Sample, recorded, samples
from tests.fuzz.decoding_campaign import decoding_campaign, differs, outcome
from tests.unit.otlp.test_same_events import REQUESTS, requests, transcribe

pytestmark = pytest.mark.skipif(
    native("otlp") is None, reason="beacon-native is not here: there was no compiler, or BEACON_NATIVE=0"
)

PATHS = ["/v1/logs", "/v1/traces"]
SEED, CASES = "20261120", 1500


# ---- both ways are the same ----


def test_p10_odd_and_hostile_requests_are_the_same_with_native_code_and_without() -> None:
    result = decoding_campaign(SEED, CASES)
    assert result.violations == []
    assert result.outcomes.total() == CASES
    assert min(result.outcomes["json plain"], result.outcomes["protobuf plain"]) > CASES // 25


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_random_requests_are_the_same_with_native_code_and_without(path: str, data: st.DataObject) -> None:
    request = data.draw(requests(path))
    assert differs(path, request.SerializeToString(), "protobuf") == ""
    assert differs(path, json.dumps(transcribe(request), allow_nan=False).encode(), "json") == ""


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["r", ".3f", ".25e", ".400f", "E"]))
def test_a_double_has_the_same_last_bit_with_native_code_and_without(number: float, form: str) -> None:
    text = repr(number) if form == "r" else format(number, form)
    assert differs("/v1/logs", value('{"doubleValue":' + text + "}"), "json") == ""


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from('"\\/\n\t\0\x7f\u2028💩'), max_size=40), st.booleans())
def test_a_text_is_the_same_with_native_code_and_without(text: str, ascii_only: bool) -> None:
    body = value('{"stringValue":' + json.dumps(text, ensure_ascii=ascii_only) + "}")
    assert outcome("/v1/logs", body, "json") == "plain"
    assert decoded(body).attributes["k"] == text
    assert differs("/v1/logs", body, "json") == ""


SAMPLES = [pytest.param(each, id=f"{each.path}-{number}") for number, each in enumerate(samples())]


@pytest.mark.parametrize("sample", SAMPLES)
def test_recorded_requests_are_the_same_with_native_code_and_without(sample: Sample) -> None:
    encoding: Encoding = "json" if sample.kind == JSON else "protobuf"
    assert differs(sample.path, sample.body, encoding) == ""
    if encoding == "protobuf":
        in_json = json.dumps(transcribe(REQUESTS[sample.path].FromString(sample.body))).encode()
        assert differs(sample.path, in_json, "json") == ""


def test_all_recorded_logs_and_spans_of_agents_are_read_by_native_code() -> None:
    for each in recorded():
        if each.path != "/v1/metrics":
            assert outcome(each.path, each.body, "json" if each.kind == JSON else "protobuf") == "plain"


# ---- JSON: what is ordinary, and what takes a closer look ----


def request(record: str, *, resource: str = "{}", scope: str = "{}", more: str = "") -> bytes:
    """Return a request with one log record."""
    scopes = f'[{{"scope":{scope},"logRecords":[{record}]{more}}}]'
    return f'{{"resourceLogs":[{{"resource":{resource},"scopeLogs":{scopes}}}]}}'.encode(errors="surrogatepass")


def log(members: str) -> bytes:
    return request('{"timeUnixNano":"1",' + members + "}")


def value(written: str) -> bytes:
    return log('"attributes":[{"key":"k","value":' + written + "}]")


def decoded(body: bytes, path: str = "/v1/logs") -> Event:
    return decode_request(path, body, encoding="json", received_unix_nano=1234).batch.events[0]


def span(members: str) -> bytes:
    return ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1",' + members + "}]}]}]}").encode()


HALF, WHOLE = r"\ud83d", r"\ud83d\ude00"
DEEP = '{"arrayValue":{"values":['
MAP = '{"kvlistValue":{"values":[{"key":"m","value":'


def nested(levels: int) -> str:
    return DEEP * levels + '{"intValue":1}' + "]}}" * levels


def mapped(levels: int) -> str:
    return MAP * levels + '{"intValue":1}' + "}]}}" * levels


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (value('{"stringValue":"a\\u00e9\\n\\"\\/"}'), True),
        (value('{"stringValue":"' + WHOLE + '"}'), True),
        (value('{"stringValue":"' + HALF + '"}'), False),
        (value('{"stringValue":"' + HALF + "\\u0041" + '"}'), False),
        (value('{"stringValue":"\\ude00\\ud83d"}'), False),
        (value('{"stringValue":"\\ude00\\ude00"}'), False),
        (value('{"stringValue":"\\x"}'), False),
        (value('{"stringValue":"\\u12"}'), False),
        (value('{"stringValue":"\t"}'), False),
        (value('{"stringValue":"\udcff"}'), False),
        (value('{"stringValue":"a"'), False),
        (value('{"stringValue":null}'), False),
        (value('{"stringValue":"a","intValue":1}'), False),
        (value('{"stringValue":"a","stringValue":"b"}'), False),
        (value('{"string_value":"a"}'), False),
        (value('{"bytesValue":"AP8="}'), False),
        (value("{}"), True),
        (value("null"), False),
        (value('{"boolValue":true}'), True),
        (value('{"boolValue":"true"}'), False),
        (value('{"intValue":-9223372036854775807}'), True),
        (value('{"intValue":"9223372036854775807"}'), True),
        (value('{"intValue":"9223372036854775808"}'), False),
        (value('{"intValue":99999999999999999999}'), False),
        (value('{"intValue":01}'), False),
        (value('{"intValue":-0}'), False),
        (value('{"intValue":1.0}'), False),
        (value('{"intValue":" 1"}'), False),
        (value('{"intValue":""}'), False),
        (value('{"doubleValue":1}'), True),
        (value('{"doubleValue":-0.0}'), True),
        (value('{"doubleValue":5e-324}'), True),
        (value('{"doubleValue":1e999}'), False),
        (value('{"doubleValue":"1.5"}'), False),
        (value('{"doubleValue":1.}'), False),
        (value('{"doubleValue":.5}'), False),
        (value('{"doubleValue":1e}'), False),
        (value('{"doubleValue":NaN}'), False),
        (value('{"arrayValue":{}}'), True),
        (value('{"kvlistValue":{"values":[]}}'), True),
        (value('{"arrayValue":{"values":[null]}}'), False),
        (
            value('{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}},{"key":"a","value":{"intValue":2}}]}}'),
            False,
        ),
        (value(nested(20)), True),
        (value(nested(30)), False),
        (value(mapped(20)), True),
        (value(mapped(31)), False),
        (value(mapped(32)), False),
        (value(mapped(40)), False),
        (log('"attributes":[{"value":{"intValue":1},"key":"k"}]'), False),
        (log('"attributes":[{"key":"k"}]'), False),
        (log('"attributes":[{"key":"k","value":{"intValue":1}},{"key":"k","value":{"intValue":1}}]'), False),
        (log('"attributes":[{"key":"k","value":{"intValue":1}},]'), False),
        (log('"traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"b7ad6b7169203331"'), True),
        (log('"traceId":"' + "0" * 32 + '","spanId":""'), True),
        (log('"traceId":"0af7"'), False),
        (log('"traceId":"' + "g" * 32 + '"'), False),
        (log('"severityNumber":17,"flags":"1","droppedAttributesCount":3'), True),
        (log('"severityNumber":"17"'), False),
        (log('"severityNumber":-1'), False),
        (log('"severityNumber":2147483648'), False),
        (log('"flags":4294967296'), False),
        (log('"observedTimeUnixNano":18446744073709551615'), True),
        (log('"observedTimeUnixNano":18446744073709551616'), False),
        (log('"observedTimeUnixNano":"-1"'), False),
        (log('"unknown":1'), False),
        (log('"timeUnixNano":"2"'), False),
        (log('"body":{"stringValue":"b"},"eventName":"n","severityText":"s"'), True),
        (request('{"timeUnixNano":"0","observedTimeUnixNano":"5"}'), True),
        (request("{}"), True),
        (request("{},{}", more=',"schemaUrl":"https://x.example/1"'), True),
        (request('{"body":null}'), True),
        (request('{"body":nul}'), False),
        (request('{"body":{}},{"body":{}}'), True),
        (request('{"attributes":[{"key":"a","value":{}}]},{"attributes":[{"key":"a","value":{ }}]}'), True),
        (request('{"attributes":[{"key":"a","value":{"arrayValue":{"values":[{}]}}}]}'), False),
        (request('{"attributes":[{"key":"a","value":null}]}'), False),
        (request('{"timeUnixNano":"1"}', more=',"schemaUrl":"https://x.example/1"'), True),
        (request('{"timeUnixNano":"1"}', more=',"schemaUrl":""'), True),
        (request('{"timeUnixNano":"1"}', more=',"scope":{}'), False),
        (request('{"timeUnixNano":"1"}', resource='{"attributes":[],"entityRefs":[{"x":[1,{}]}]}'), True),
        (request('{"timeUnixNano":"1"}', resource='{"attributes":[{"key":"a","value":{}}]}'), False),
        (request('{"timeUnixNano":"1"}', resource='{"attributes":[}'), False),
        (request('{"timeUnixNano":"1"}', resource="null"), False),
        (request('{"timeUnixNano":"1"}', resource='{"x":' + "[" * 99 + "]" * 99 + "}"), False),
        (request('{"timeUnixNano":"1"}', scope='{"name":"n","version":"v","attributes":[]}'), True),
        (request('{"timeUnixNano":"1"}', scope='{"name":5}'), False),
        (request('{"timeUnixNano":"1"}') + b" \n", True),
        (request('{"timeUnixNano":"1"}') + b"\0", False),
        (request('{"timeUnixNano":"1"}') + b"{}", False),
        (b"\xef\xbb\xbf" + request('{"timeUnixNano":"1"}'), False),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1}]}],"resource":{}}]}', False),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[]}]}]}', False),
        (
            b'{"resourceLogs":[{"scopeLogs":[{"scope":{"name":5}}]},{"scopeLogs":[{"logRecords":[{"timeUnixNano":1}]}]}]}',
            False,
        ),
        (b"{}", False),
        (b"[]", False),
        (b"", False),
    ],
)
def test_ordinary_json_is_read_by_native_code_and_all_else_closely(body: bytes, taken: bool) -> None:
    assert (outcome("/v1/logs", body, "json") == "plain") == taken
    assert differs("/v1/logs", body, "json") == ""


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (
            span('"kind":3,"status":{"code":2,"message":"m"},"links":[],"events":[{"timeUnixNano":"5","name":"e"}]'),
            True,
        ),
        (span('"kind":0,"status":{}'), True),
        (span('"kind":6'), False),
        (span('"kind":"SPAN_KIND_CLIENT"'), False),
        (span('"status":{"code":3}'), False),
        (span('"status":null'), False),
        (span('"links":[{}]'), False),
        (span('"events":[{"attributes":[{"key":"a","value":{}}]}]'), False),
        (span('"startTimeUnixNano":"2"'), False),
        (span('"flags":257,"endTimeUnixNano":7,"parentSpanId":"b7ad6b7169203331","traceState":"a=b","name":"n"'), True),
    ],
)
def test_ordinary_spans_in_json_are_read_by_native_code(body: bytes, taken: bool) -> None:
    assert (outcome("/v1/traces", body, "json") == "plain") == taken
    assert differs("/v1/traces", body, "json") == ""


# ---- protobuf, likewise ----


def field(number: int, content: bytes) -> bytes:
    """Return a field with a length, of less than 16 KiB."""
    size = len(content)
    return bytes([number << 3 | 2, *([size] if size < 0x80 else [size & 0x7F | 0x80, size >> 7])]) + content


TIME = b"\x09" + (1).to_bytes(8, "little")
WHOLE_NUMBER = b"\x18\x01"  # an AnyValue


def logs(record: bytes) -> bytes:
    return field(1, field(2, field(2, TIME + record)))


def pair(held: bytes, *, key: bytes = field(1, b"k")) -> bytes:
    return field(6, key + field(2, held))


def maps(levels: int) -> bytes:
    held = WHOLE_NUMBER
    for _ in range(levels):
        held = field(6, field(1, field(1, b"m") + field(2, held)))
    return held


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (logs(pair(WHOLE_NUMBER)), True),
        (logs(pair(b"")), True),
        (logs(pair(WHOLE_NUMBER, key=b"")), True),
        (logs(pair(maps(20))), True),
        (logs(pair(maps(31))), False),
        (logs(pair(maps(32))), False),
        (logs(pair(WHOLE_NUMBER, key=field(1, b"\xff"))), False),
        (logs(pair(WHOLE_NUMBER, key=field(1, b"\xff") + field(1, b"k"))), False),
        (logs(pair(WHOLE_NUMBER) + pair(WHOLE_NUMBER)), False),
        (logs(pair(WHOLE_NUMBER * 2)), False),
        (logs(b"\x90\x00\x01"), False),
        (logs(b"\x10\x81\x00"), True),
        (logs(b"\x1a\x80\x80\x80\x80\x00"), True),
        (logs(b"\x1a\x80\x80\x80\x80\x80\x00"), False),
        (logs(b"\x1a\x05a"), False),
        (logs(b"\x10"), False),
        (logs(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), False),
        (logs(b"\x4a\x10" + b"\0" * 16 + b"\x52\x00"), True),
        (logs(b"\x4a\x08" + b"\1" * 8), False),
        (field(1, field(2, field(2, b""))), True),
        (b"", False),
    ],
)
def test_ordinary_protobuf_is_read_by_native_code_and_all_else_closely(body: bytes, taken: bool) -> None:
    assert (outcome("/v1/logs", body, "protobuf") == "plain") == taken
    assert differs("/v1/logs", body, "protobuf") == ""


# ---- what is remembered of the record before ----

pairs = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from([{"intValue": 1}, {"intValue": 10}, {"stringValue": "1"}, {}])),
    max_size=5,
    unique_by=lambda pair: pair[0],
)


def one_after_the_other(rows: list[list[tuple[str, dict[str, Any]]]]) -> dict[str, Any]:
    records = [
        {
            "timeUnixNano": "1",
            "severityText": row[0][0] if row else "",
            "body": {"stringValue": row[-1][0]} if row else {"intValue": 1},
            "attributes": [{"key": key, "value": held or {"boolValue": True}} for key, held in row],
        }
        for row in rows
    ]
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}


def as_protobuf(document: dict[str, Any]) -> bytes:
    from google.protobuf.json_format import ParseDict

    return ParseDict(document, REQUESTS["/v1/logs"]()).SerializeToString()


ENCODE: dict[Encoding, Callable[[dict[str, Any]], bytes]] = {
    "json": lambda document: json.dumps(document).encode(),
    "protobuf": as_protobuf,
}


@pytest.mark.parametrize("encoding", ENCODE)
@settings(max_examples=200, deadline=None)
@given(st.lists(pairs, min_size=1, max_size=6))
def test_records_that_are_like_the_one_before_in_part_are_read_right(
    encoding: Encoding, rows: list[list[tuple[str, dict[str, Any]]]]
) -> None:
    body = ENCODE[encoding](one_after_the_other(rows))
    assert outcome("/v1/logs", body, encoding) == "plain"
    assert differs("/v1/logs", body, encoding) == ""


@pytest.mark.parametrize("encoding", ENCODE)
@pytest.mark.parametrize("count", [127, 128, 129, 300])
def test_records_have_any_number_of_attributes(encoding: Encoding, count: int) -> None:
    row = [(f"k{number}", {"intValue": number}) for number in range(count)]
    body = ENCODE[encoding](one_after_the_other([row, row[::-1], row[:3], row]))
    assert (outcome("/v1/logs", body, encoding) == "plain") == (count <= 128)
    assert differs("/v1/logs", body, encoding) == ""


@pytest.mark.parametrize("encoding", ENCODE)
def test_events_of_one_request_share_what_is_equal_and_no_attributes(encoding: Encoding) -> None:
    row = [("a", {"stringValue": "a text"})]
    body = ENCODE[encoding](one_after_the_other([row, row]))
    one, other = decode_request("/v1/logs", body, encoding=encoding, received_unix_nano=1).batch
    assert one.attributes["a"] is other.attributes["a"]
    assert one.attributes is not other.attributes
