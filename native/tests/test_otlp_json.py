"""The reader of OTLP in JSON alone, on bytes that are written here: tests/unit compares it with Beacon's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

otlp_json = pytest.importorskip("beacon_native.otlp_json", reason="beacon-native is not built here")

RECORD = r"""{
    "timeUnixNano": "1795000000000000000", "severityNumber": 9, "traceId": "0AF7651916CD43DD8448EB211C80319C",
    "body": {"stringValue": "a body"}, "attributes": [
        {"key": "text", "value": {"stringValue": "gr\u00fc\u00dfe \ud83d\ude00 \"\\\/\b\f\n\r\t"}},
        {"key": "yes", "value": {"boolValue": true}},
        {"key": "number", "value": {"intValue": "-5"}},
        {"key": "real", "value": {"doubleValue": 0.5e0}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "ü"}, {"arrayValue": {}}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "key", "value": {"boolValue": false}}]}}}
    ]
}"""
SCHEMA_URL = "https://schema.example/1"
REQUEST = b"".join(
    [
        b'{"resourceLogs": [{"resource": {"a": "}"}, "scopeLogs": [{"scope": {}, "logRecords": [',
        f'{RECORD},{RECORD}], "schemaUrl": "{SCHEMA_URL}"'.encode(),
        b"}]}]}",
    ]
)


def reading(body: bytes) -> Any:
    return otlp_json.Reader(
        body,
        "id-",
        event=dict,
        span=dict,
        span_event=dict,
        resource=lambda message: {"read": message},
        scope=lambda message, schema_url: (message, schema_url),
        received=5,
    )


def read(body: bytes) -> list[dict[str, Any]] | None:
    return reading(body).logs()  # type: ignore[no-any-return]


def with_record(record: str) -> bytes:
    return b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + f"{RECORD},{record}".encode() + b"]}]}]}"


def test_a_record_becomes_an_event_with_every_kind_of_value() -> None:
    first, second = read(REQUEST) or []
    assert first | {"id": "id-1"} == second
    assert first["id"] == "id-0"
    assert (first["time_unix_nano"], first["severity_number"]) == (1_795_000_000_000_000_000, 9)
    assert (first["body"], first["trace_id"]) == ("a body", "0af7651916cd43dd8448eb211c80319c")
    assert first["resource"] == {"read": b'{"a": "}"}'}
    assert first["scope"] == (b"{}", SCHEMA_URL)
    assert first["attributes"] == {
        "text": 'grüße 😀 "\\/\b\f\n\r\t',
        "yes": True,
        "number": -5,
        "real": 0.5,
        "list": ["ü", []],
        "map": {"key": False},
    }


def test_a_request_that_is_cut_short_is_left_to_another_reader() -> None:
    assert [size for size in range(len(REQUEST)) if read(REQUEST[:size]) is not None] == []


@pytest.mark.parametrize(
    "record",
    [
        "null",
        '{"timeUnixNano":1,"new":1}',
        '{"timeUnixNano":1,"timeUnixNano":1}',
        '{"timeUnixNano":18446744073709551616}',
        '{"timeUnixNano":1,"traceId":"short"}',
        '{"timeUnixNano":1,"body":{"arrayValue":{"values":[{}]}}}',
        '{"timeUnixNano":1,"body":{"stringValue":"\\ud83d"}}',
        '{"timeUnixNano":1,"body":{"doubleValue":1e999}}',
        '{"timeUnixNano":1,"attributes":[{"key":"k","value":{"intValue":1}},{"key":"k","value":{"intValue":1}}]}',
        '{"timeUnixNano":1,}',
    ],
)
def test_what_is_unusual_is_left_to_another_reader(record: str) -> None:
    assert read(with_record(record)) is None


def test_nesting_has_a_limit() -> None:
    deep = '{"arrayValue":{"values":[' * 10_000 + "]}}" * 10_000
    assert read(with_record('{"timeUnixNano":1,"body":' + deep + "}")) is None
    assert read(b'{"resourceLogs":[{"resource":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000) is None


@given(st.integers(0, len(REQUEST) - 1), st.binary(max_size=4) | st.sampled_from([b'"', b"\\", b"{", b"]", b"0"]))
def test_no_byte_of_a_request_makes_it_fail(place: int, inserted: bytes) -> None:
    found = read(REQUEST[:place] + inserted + REQUEST[place + len(inserted) :])
    assert found is None or all(type(event) is dict for event in found)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    assert read(body) is None


def test_records_without_a_time_and_values_that_say_nothing_are_counted() -> None:
    empty = '{"body":{},"attributes":[{"key":"k","value":{}}]}'
    records = f'{empty},{empty},{{"observedTimeUnixNano":"7","body":null}},{{"timeUnixNano":1,"body":{{ }}}}'
    for late in ("", ',"schemaUrl":"https://late.example"'):
        reader = reading(f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]{late}}}]}}]}}'.encode())
        events = reader.logs()
        assert [event["time_unix_nano"] for event in events] == [5, 5, 7, 1]
        assert [event["body"] for event in events] == [None] * 4
        assert [event["attributes"] for event in events] == [{"k": None}, {"k": None}, {}, {}]
        assert (reader.untimed, reader.empty) == (3, 5)
