"""OTLP/JSON as real clients write it (wire.md section 1.7): what is taken, and how; what is refused, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beacon_core.errors import InvalidDataError
from beacon_core.event import Event
from beacon_core.otlp import Decoded, decode_request

RECEIVED = 1_795_145_112_904_000_123


def decode(document: object, path: str = "/v1/logs") -> Decoded:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return decode_request(path, body, encoding="json", received_unix_nano=RECEIVED)


def record(**fields: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1"} | fields]}]}]}


def raw_record(text: str) -> bytes:
    return b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + text.encode() + b"]}]}]}"


def log(**fields: Any) -> Event:
    return decode(record(**fields)).batch.events[0]


def attribute(value: object) -> object:
    return log(attributes=[{"key": "k", "value": value}]).attributes["k"]


def point(**fields: Any) -> Event:
    metric = {"name": "m", "sum": {"dataPoints": [{"timeUnixNano": "1"} | fields]}}
    return decode({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}, "/v1/metrics").batch.events[0]


def test_snake_case_is_no_field_and_the_sender_is_warned() -> None:
    decoded = decode({"resource_logs": [{"scope_logs": []}]})
    assert not decoded.batch.events
    assert "resource_logs" in decoded.warning
    assert "resourceLogs" in decoded.warning
    assert decoded.notes == {"unknown_fields": 1}


def test_snake_case_deeper_down_is_warned_of_as_well() -> None:
    assert "time_unix_nano" in decode(raw_record('{"time_unix_nano":"5","body":{"stringValue":"x"}}')).warning
    values = raw_record('{"timeUnixNano":"5","attributes":[{"key":"a","value":{"string_value":"x"}}]}')
    assert "stringValue" in decode(values).warning


def test_a_request_of_another_kind_is_warned_of() -> None:
    assert '"resourceLogs"' in decode({"hello": []}).warning
    assert '"resourceSpans"' in decode({"resourceLogs": []}, "/v1/traces").warning


@pytest.mark.parametrize("body", [b"{}", b" {\n} ", b'{"resourceLogs":[]}', b'{"resourceLogs":null}'])
def test_an_empty_request_is_good_and_without_warning(body: bytes) -> None:
    decoded = decode(body)
    assert not decoded.batch.events
    assert decoded.warning == ""


def test_an_escaped_snake_case_name_in_a_text_is_no_reason_to_warn() -> None:
    assert decode(record(timeUnixNano="0", body={"stringValue": '{"string_value": 1}'})).warning == ""


def test_unknown_fields_are_ignored_at_every_level() -> None:
    extra = {"new": {"deep": [1, {"x": None}]}}
    log_record = {"timeUnixNano": "1", "body": {"stringValue": "b"} | extra} | extra
    log_record["attributes"] = [{"key": "k", "value": {"intValue": "1"} | extra} | extra]
    scope = {"scope": {"name": "s"} | extra, "logRecords": [log_record]} | extra
    decoded = decode({"resourceLogs": [{"resource": {"attributes": []} | extra, "scopeLogs": [scope]} | extra]} | extra)
    event = decoded.batch.events[0]
    assert (event.body, event.attributes, event.scope and event.scope.name) == ("b", {"k": 1}, "s")


def test_null_means_absent_for_any_field() -> None:
    names = (
        "observedTimeUnixNano severityNumber severityText body attributes droppedAttributesCount flags traceId spanId"
    )
    event = log(**dict.fromkeys([*names.split(), "eventName"]))
    assert event == Event(id=event.id, signal="log", name="", time_unix_nano=1)
    assert (
        decode({"resourceLogs": [{"resource": None, "scopeLogs": [{"scope": None, "logRecords": None}]}]}).notes == {}
    )
    assert log(attributes=[{"key": None, "value": None}]).attributes == {"": None}


def test_codex_writes_null_bodies_and_empty_ids() -> None:
    event = log(body=None, traceId="", spanId="", timeUnixNano="0", observedTimeUnixNano="77")
    assert (event.body, event.trace_id, event.span_id, event.time_unix_nano) == (None, "", "", 77)


@pytest.mark.parametrize("given", ["0AF7651916CD43DD8448EB211C80319C", "0af7651916cd43dd8448eb211c80319c"])
def test_ids_are_hexadecimal_in_any_case(given: str) -> None:
    assert log(traceId=given, spanId="B7AD6B7169203331").trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert log(traceId=given, spanId="B7AD6B7169203331").span_id == "b7ad6b7169203331"


@pytest.mark.parametrize(
    "given", ["0" * 32, "ab", "CvdlGRbNQ92ESOshHIAxnA==", "zz" * 16, "0af7 51916cd43dd8448eb211c80319c", "é" * 32]
)
def test_an_id_of_wrong_length_or_zeros_is_no_id_and_the_record_is_kept(given: str) -> None:
    event = log(traceId=given, spanId=given[:16], body={"stringValue": "kept"})
    assert (event.trace_id, event.span_id, event.body) == ("", "", "kept")


def test_a_wrong_id_is_counted() -> None:
    assert decode(record(traceId="ab")).notes == {"invalid_id": 1}
    assert decode(record(traceId="0" * 32)).notes == {}


@pytest.mark.parametrize("given", ['"1795145112904000001"', "1795145112904000001"])
def test_a_time_of_19_digits_keeps_every_digit(given: str) -> None:
    decoded = decode(raw_record('{"timeUnixNano":' + given + "}"))
    assert decoded.batch.events[0].time_unix_nano == 1_795_145_112_904_000_001


@pytest.mark.parametrize(
    ("given", "expected"), [("1e3", 1000), ("10.0", 10), ('"1e3"', 1000), ('"10.0"', 10), ("-7", -7), ('"-7"', -7)]
)
def test_an_integer_may_have_an_exponent_or_a_fraction_of_zero(given: str, expected: int) -> None:
    value = (
        decode(raw_record('{"attributes":[{"key":"k","value":{"intValue":' + given + "}}]}"))
        .batch.events[0]
        .attributes["k"]
    )
    assert value == expected
    assert isinstance(value, int)


@pytest.mark.parametrize("given", ["1.795145112904000001e18", "1795145112904000001.0", "1795145112904000001e0"])
def test_a_large_integer_with_an_exponent_does_not_go_through_a_float(given: str) -> None:
    assert (
        decode(raw_record('{"timeUnixNano":' + given + "}")).batch.events[0].time_unix_nano == 1_795_145_112_904_000_001
    )


@pytest.mark.parametrize(
    "given",
    [
        "1.5",
        '"1.5"',
        '"abc"',
        '""',
        "true",
        "[]",
        "1e30",
        "1e999",
        '"9223372036854775808"',
        "9223372036854775808",
        "9" * 5000,
    ],
)
def test_what_is_no_64_bit_integer_is_refused(given: str) -> None:
    with pytest.raises(InvalidDataError, match=r"^logs: "):
        decode(raw_record('{"attributes":[{"key":"k","value":{"intValue":' + given + "}}]}"))


@pytest.mark.parametrize("given", ["-1", '"-1"', "18446744073709551616", '"99999999999999999999"'])
def test_a_time_is_between_0_and_64_bits(given: str) -> None:
    with pytest.raises(InvalidDataError):
        decode(raw_record('{"timeUnixNano":' + given + "}"))
    with pytest.raises(InvalidDataError):
        decode(raw_record('{"observedTimeUnixNano":' + given + "}"))
    assert decode(raw_record('{"timeUnixNano":18446744073709551615}')).batch.events[0].time_unix_nano == 2**64 - 1


def test_small_integers_may_be_text_and_an_explicit_0_is_normal() -> None:
    assert log(droppedAttributesCount="3", flags="1").dropped_attributes_count == 3
    event = log(droppedAttributesCount=0, flags=0, severityNumber=0)
    assert (event.dropped_attributes_count, event.flags, event.severity_number) == (0, 0, 0)


def test_enums_are_integers_unknown_ones_are_kept_and_known_names_are_counted() -> None:
    assert log(severityNumber=99).severity_number == 99
    assert log(severityNumber="17").severity_number == 17
    decoded = decode(record(severityNumber="SEVERITY_NUMBER_WARN2"))
    assert decoded.batch.events[0].severity_number == 14
    assert decoded.notes == {"enum_name": 1}
    with pytest.raises(InvalidDataError, match="an enum is an integer"):
        decode(record(severityNumber="WARN"))


def test_every_severity_has_the_number_of_its_group() -> None:
    numbers = [
        log(severityNumber=f"SEVERITY_NUMBER_{level}").severity_number
        for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL4"]
    ]
    assert numbers == [1, 5, 9, 13, 17, 24]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1, "1.0"),
        (1.5, "1.5"),
        ("2.5", "2.5"),
        ("NaN", "nan"),
        ("Infinity", "inf"),
        ("-Infinity", "-inf"),
        ("1e3", "1000.0"),
        (-0.0, "-0.0"),
    ],
)
def test_a_double_may_be_a_number_or_text(given: object, expected: str) -> None:
    assert repr(attribute({"doubleValue": given})) == expected
    metric = point(asDouble=given).metric
    assert metric is not None
    assert repr(metric.value) == expected


@pytest.mark.parametrize("bare", ["NaN", "Infinity", "-Infinity"])
def test_bare_nan_and_infinity_are_no_json(bare: str) -> None:
    with pytest.raises(InvalidDataError, match="malformed"):
        decode(raw_record('{"attributes":[{"key":"k","value":{"doubleValue":' + bare + "}}]}"))
    with pytest.raises(InvalidDataError, match="malformed"):  # also where the slow way is taken
        decode(
            raw_record(
                '{"body":{"stringValue":"\\ud83d"},"attributes":[{"key":"k","value":{"doubleValue":' + bare + "}}]}"
            )
        )


@pytest.mark.parametrize("text", ["+/8=", "+/8", "-_8=", "-_8"])
def test_bytes_are_base64_of_either_alphabet_with_or_without_padding(text: str) -> None:
    assert attribute({"bytesValue": text}) == b"\xfb\xff"


def test_bytes_that_are_no_base64_are_refused_with_the_number_of_the_record() -> None:
    with pytest.raises(InvalidDataError, match="not base64"):
        attribute({"bytesValue": "a"})
    document = record()
    records = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    records += [{}, {"body": {"bytesValue": "§"}}]
    with pytest.raises(InvalidDataError, match=r"logs: record 2: "):
        decode(document)


def test_an_empty_value_is_none_whether_braces_or_missing() -> None:
    assert attribute({}) is None
    assert log(attributes=[{"key": "k"}]).attributes == {"k": None}
    assert decode(record(attributes=[{"key": "k", "value": {}}])).notes == {"empty_value": 1}


def test_empty_arrays_and_maps_come_in_two_forms() -> None:
    assert attribute({"arrayValue": {}}) == attribute({"arrayValue": {"values": []}}) == []
    assert attribute({"kvlistValue": {}}) == attribute({"kvlistValue": {"values": []}}) == {}


def test_values_of_every_kind_arrive_as_python_values() -> None:
    values = [
        {"stringValue": ""},
        {"boolValue": False},
        {"intValue": 0},
        {"doubleValue": 0},
        {"bytesValue": ""},
        {},
        None,
    ]
    assert attribute({"arrayValue": {"values": values}}) == ["", False, 0, 0.0, b"", None, None]
    assert attribute({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "5"}}]}}) == {"a": 5}


def test_time_0_is_unknown_then_the_observed_time_counts_then_the_time_of_receipt() -> None:
    assert log(timeUnixNano="0", observedTimeUnixNano="7").time_unix_nano == 7
    assert log(timeUnixNano="0").time_unix_nano == RECEIVED
    assert decode(raw_record("{}")).batch.events[0].time_unix_nano == RECEIVED
    assert decode(record(timeUnixNano=0)).notes == {"time_missing": 1}


def test_of_a_key_that_is_there_twice_the_last_wins_and_it_is_counted() -> None:
    pairs = [{"key": "k", "value": {"intValue": n}} for n in (1, 2, 3)]
    decoded = decode(record(attributes=pairs))
    assert decoded.batch.events[0].attributes == {"k": 3}
    assert decoded.notes == {"duplicate_attribute": 2}


@pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null", b"true"])
def test_the_top_level_is_an_object(body: bytes) -> None:
    with pytest.raises(InvalidDataError):
        decode(body)


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"{", b'{"resourceLogs":', b"{} x", b"{'a':1}", b"\xef\xbb\xbf{}", b"{}{}"]
)
def test_what_is_no_json_is_refused_with_the_reason(body: bytes) -> None:
    with pytest.raises(
        InvalidDataError, match=r"^logs: (JSON is malformed|the body is empty|Input data was truncated)"
    ):
        decode(body)


def test_the_message_says_where_and_does_not_repeat_the_input() -> None:
    with pytest.raises(InvalidDataError) as caught:
        decode(record(body={"stringValue": 5}, severityText="a secret"))
    assert "logRecords[0].body.stringValue" in str(caught.value)
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidDataError, match=r"byte 2"):
        decode(b"{ x}")


def test_invalid_utf_8_is_refused_with_its_place() -> None:
    body = raw_record('{"body":{"stringValue":"#"}}').replace(b"#", b"ab\xff")
    with pytest.raises(InvalidDataError, match=rf"invalid UTF-8 \(byte {body.index(0xFF)}\)"):
        decode(body)


@pytest.mark.parametrize(
    ("escaped", "expected"),
    [
        (r"\ud83d", "\ufffd"),
        (r"x\ud83dx", "x\ufffdx"),
        (r"\ude00", "\ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ud83d\ude00\\ud83d", "\U0001f600\\ud83d"),
    ],
)
def test_a_lone_surrogate_becomes_the_replacement_character(escaped: str, expected: str) -> None:
    decoded = decode(raw_record('{"timeUnixNano":"1","body":{"stringValue":"' + escaped + '"}}'))
    assert decoded.batch.events[0].body == expected
    assert decoded.notes == ({"lone_surrogate": 1} if "\ufffd" in expected else {})


def test_lone_surrogates_do_not_hide_other_mistakes() -> None:
    for text in ('{"body":{"stringValue":"\\ud83d"}', '{"body":{"stringValue":"\\ud83d"},"flags":"x"}'):
        with pytest.raises(InvalidDataError):
            decode(raw_record(text))
    with pytest.raises(InvalidDataError, match="a number that does not fit"):
        decode(raw_record('{"body":{"stringValue":"\\ud83d"},"flags":' + "9" * 5000 + "}"))


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "core"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def test_values_nest_as_deep_as_protobuf_allows_and_no_deeper() -> None:
    inner = attribute(nested(40))
    for _ in range(40):
        assert isinstance(inner, list)
        [inner] = inner
    assert inner == "core"
    with pytest.raises(InvalidDataError, match="nested too deeply"):
        attribute(nested(60))


@pytest.mark.parametrize("body", [b'{"x":' + b"[" * 200_000, b'{"x":' + b'{"x":' * 200_000, b"[" * 200_000])
def test_endless_nesting_is_refused_and_no_recursion_error_escapes(body: bytes) -> None:
    with pytest.raises(InvalidDataError):
        decode(body)
    with pytest.raises(InvalidDataError):
        decode(body + b'"\\ud83d"')


def test_endless_nesting_of_values_is_refused() -> None:
    piece = b'{"arrayValue":{"values":['
    with pytest.raises(InvalidDataError, match="nested too deeply"):
        decode(raw_record('{"body":%s}').replace(b"%s", piece * 50_000 + b"]}}" * 50_000))
