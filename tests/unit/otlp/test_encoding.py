"""Events written as OTLP/JSON: protobuf's own JSON reader takes them, and read again they are the same events."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from beacon_core import Batch, Event, Metric, Span, encode_otlp_json
from beacon_core.otlp import decode_request
from beacon_core.testing import SAMPLE_VALUES, make_batch, make_event, make_samples
from tests.unit.otlp.test_same_events import RECORDED, REQUESTS, decode, recorded_body, requests

ROOTS: dict[bytes, tuple[str, type[Message]]] = {
    b'{"resourceLogs":': ("/v1/logs", ExportLogsServiceRequest),
    b'{"resourceMetrics":': ("/v1/metrics", ExportMetricsServiceRequest),
    b'{"resourceSpans":': ("/v1/traces", ExportTraceServiceRequest),
}
SAME = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(body: bytes) -> tuple[Event, ...]:
    """Return the events of a request, which protobuf's reader has to take, too."""
    assert b"\n" not in body
    path, message = next(found for root, found in ROOTS.items() if body.startswith(root))
    json_format.Parse(body, message())
    decoded = decode_request(path, body, encoding="json", received_unix_nano=1)
    assert decoded.notes.keys() <= {"empty_value", "bucket_mismatch", "value_missing"}
    return decoded.batch.events


def shown(event: Event) -> str:
    """Return an event as text without its id; NaN equals NaN in it, and 1 does not equal 1.0."""
    return repr(msgspec.structs.replace(event, id=""))


def as_read(event: Event) -> Event:
    """Return what an event becomes by rules of OTLP: a summary is cumulative, and a span without a kind internal."""
    replace = msgspec.structs.replace
    if event.metric is not None and event.metric.kind == "summary":
        event = replace(event, metric=replace(event.metric, temporality="cumulative"))
    if event.span is not None and event.span.kind == "unspecified":
        event = replace(event, span=replace(event.span, kind="internal"))
    return event


def require_same(events: Batch | list[Event]) -> None:
    read_again = [event for body in encode_otlp_json(events) for event in read(body)]
    assert Counter(map(shown, read_again)) == Counter(shown(as_read(event)) for event in events)


# ---- the same events ----


@pytest.mark.parametrize("kind", sorted(SAMPLE_VALUES.keys() - {"largest unsigned integer", "deeply nested"}))
def test_every_kind_of_value_comes_back(kind: str) -> None:
    require_same(make_samples(value=SAMPLE_VALUES[kind]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@SAME
@given(value=VALUES, name=st.text(), time=st.integers(1, 2**64 - 1), flags=st.integers(0, 2**32 - 1))
def test_samples_come_back_whatever_is_in_them(value: Any, name: str, time: int, flags: int) -> None:
    require_same(make_samples(value=value, name=name, time_unix_nano=time))
    require_same(make_samples(["log"], observed_time_unix_nano=time, trace_id="0a" * 16, span_id="b0" * 8))
    require_same(make_samples(["log", "span"], value=value, flags=flags, dropped_attributes_count=flags))


@pytest.mark.parametrize("path", REQUESTS)
@settings(SAME, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_whatever_was_received_comes_back(path: str, data: st.DataObject) -> None:
    body = data.draw(requests(path)).SerializeToString()
    require_same(decode(path, body, "protobuf").batch)


@pytest.mark.skipif(not RECORDED, reason="the recorded sessions are not here")
@pytest.mark.parametrize(("file", "entry"), RECORDED)
def test_recorded_sessions_come_back(file: Any, entry: dict[str, Any]) -> None:
    batch = decode(f"/v1/{entry['signal']}", recorded_body(file), "json" if ".json" in file.name else "protobuf").batch
    (body,) = encode_otlp_json(batch)
    assert [shown(event) for event in read(body)] == [shown(as_read(event)) for event in batch]


# ---- the form ----


def test_there_is_one_request_for_each_signal_and_events_keep_their_order_in_it() -> None:
    logs, metrics, spans = encode_otlp_json(make_samples(count=7))
    assert [event.signal for event in read(metrics)] == ["metric"] * 7
    assert [event.signal for event in read(spans)] == ["span"] * 7
    bodies = [event.body for body in encode_otlp_json(make_batch(5)) for event in read(body)]
    assert bodies == [f"event {n}" for n in range(5)]
    assert len(read(logs)) == 7


def test_without_events_there_is_no_request() -> None:
    assert encode_otlp_json([]) == []


def test_it_is_written_as_the_collector_writes_it() -> None:
    event = make_event(
        name="login",
        body="hello",
        attributes={"n": 7, "ok": True, "half": 0.5, "raw": b"\xff", "none": None},
        severity_number=9,
        trace_id="5b8efff798038103d269b633813fc60c",
        time_unix_nano=1_795_145_112_904_000_000,
    )
    (body,) = encode_otlp_json([event])
    assert json.loads(body) == {
        "resourceLogs": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "test"}}]},
                "scopeLogs": [
                    {
                        "scope": {},
                        "logRecords": [
                            {
                                "timeUnixNano": "1795145112904000000",
                                "body": {"stringValue": "hello"},
                                "severityNumber": 9,
                                "eventName": "login",
                                "attributes": [
                                    {"key": "n", "value": {"intValue": "7"}},
                                    {"key": "ok", "value": {"boolValue": True}},
                                    {"key": "half", "value": {"doubleValue": 0.5}},
                                    {"key": "raw", "value": {"bytesValue": "/w=="}},
                                    {"key": "none", "value": {}},
                                ],
                                "traceId": "5b8efff798038103d269b633813fc60c",
                            }
                        ],
                    }
                ],
            }
        ]
    }


def test_records_of_one_resource_and_points_of_one_metric_stand_together() -> None:
    resource = {"service.name": "one"}
    counts = [
        make_event(n, signal="metric", name="count", body=None, resource=resource, metric=Metric(kind="sum", value=n))
        for n in range(3)
    ]
    (body,) = encode_otlp_json(counts)
    (shared,) = json.loads(body)["resourceMetrics"]
    (metric,) = shared["scopeMetrics"][0]["metrics"]
    assert [point.get("asInt") for point in metric["sum"]["dataPoints"]] == ["0", "1", "2"]


# ---- what OTLP cannot say ----


def test_an_integer_beyond_64_bits_with_a_sign_is_text() -> None:
    (body,) = encode_otlp_json([make_event(attributes={"large": 2**64 - 1}, body=-(2**63) - 1)])
    (event,) = read(body)
    assert event.attributes == {"large": "18446744073709551615"}
    assert event.body == "-9223372036854775809"


@pytest.mark.parametrize("signal", ["log", "metric", "span"])
def test_what_is_nested_more_deeply_than_readers_take_is_json_text(signal: Any) -> None:
    (body,) = encode_otlp_json(make_samples([signal], value=SAMPLE_VALUES["deeply nested"]))
    value: Any = read(body)[0].attributes["sample.value"]
    depth = 0
    while not isinstance(value, str):
        value = value["deeper"] if isinstance(value, dict) else value[0]
        depth += 1
    assert depth > 30
    assert "innermost" in json.dumps(json.loads(value))


@pytest.mark.parametrize("bad", [object(), {1: "a"}, {None: 1}, [{"a": {2: 3}}]])
def test_what_no_attribute_can_be_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        encode_otlp_json([make_event(attributes={"bad": bad})])


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_otlp_json([make_event(body="\ud800")])


def test_records_without_their_own_part_are_written_all_the_same() -> None:
    events = [make_event(signal="span", body=None), make_event(signal="metric", body=None)]
    span, metric = (read(body)[0] for body in encode_otlp_json(events))
    assert span.span == Span(kind="internal")
    assert metric.metric == Metric(kind="gauge")
