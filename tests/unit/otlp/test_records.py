"""What becomes of each field (wire.md section 2), shown in protobuf; test_same_events.py holds JSON to the same."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from beacon_core.errors import InvalidDataError
from beacon_core.event import Buckets, Event, Exemplar, Quantile, Scope, SpanEvent, SpanLink, content_id
from beacon_core.event import Metric as EventMetric
from beacon_core.event import Span as EventSpan
from beacon_core.otlp import Decoded, decode_request

RECEIVED = 99
TRACE, SPAN = bytes(range(16)), bytes(range(8))


def decode(path: str, request: Message) -> Decoded:
    return decode_request(path, request.SerializeToString(), encoding="protobuf", received_unix_nano=RECEIVED)


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def logs(
    *records: LogRecord, scope: InstrumentationScope | None = None, schema_url: str = ""
) -> ExportLogsServiceRequest:
    part = ScopeLogs(scope=scope, log_records=records, schema_url=schema_url)
    resource = Resource(attributes=[text("service.name", "s")])
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=resource, scope_logs=[part])])


def log(record: LogRecord) -> Event:
    return decode("/v1/logs", logs(record)).batch.events[0]


def points(metric: Metric) -> list[Event]:
    part = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])
    return list(decode("/v1/metrics", ExportMetricsServiceRequest(resource_metrics=[part])).batch)


def metric_of(**fields: object) -> EventMetric:
    [event] = points(Metric(name="m", **fields))  # type: ignore[arg-type]
    assert event.metric is not None
    return event.metric


def span(**fields: object) -> tuple[Event, EventSpan]:
    part = ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(**fields)])])  # type: ignore[arg-type]
    [event] = decode("/v1/traces", ExportTraceServiceRequest(resource_spans=[part])).batch
    assert event.span is not None
    return event, event.span


# ---- envelope ----


def test_p5_the_batch_id_comes_from_path_content_type_and_body() -> None:
    body = logs(LogRecord(), LogRecord()).SerializeToString()
    batch = decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=1).batch
    assert batch.id == content_id(b"/v1/logs", b"application/x-protobuf", body)
    assert [event.id for event in batch] == [f"{batch.id}-0", f"{batch.id}-1"]
    again = decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=2).batch
    assert again.id == batch.id
    assert decode_request("/v1/logs", b"{}", encoding="json", received_unix_nano=1).batch.id != batch.id


def test_ids_count_on_over_resources_and_scopes_in_document_order() -> None:
    request = logs(LogRecord(severity_text="0"), LogRecord(severity_text="1"))
    request.MergeFrom(logs(LogRecord(severity_text="2")))
    batch = decode("/v1/logs", request).batch
    assert [(event.id, event.severity_text) for event in batch] == [(f"{batch.id}-{n}", str(n)) for n in range(3)]


def test_events_of_one_scope_share_the_objects_of_resource_and_scope() -> None:
    first, second = decode("/v1/logs", logs(LogRecord(), LogRecord(), scope=InstrumentationScope(name="n"))).batch
    assert first.resource == {"service.name": "s"}
    assert first.resource is second.resource
    assert first.scope is second.scope


def test_the_scope_has_name_version_attributes_and_schema() -> None:
    scope = InstrumentationScope(name="n", version="1", attributes=[text("a", "b")])
    [event] = decode("/v1/logs", logs(LogRecord(), scope=scope, schema_url="https://s")).batch
    assert event.scope == Scope(name="n", version="1", attributes={"a": "b"}, schema_url="https://s")


def test_an_empty_scope_is_none() -> None:
    [event] = decode("/v1/logs", logs(LogRecord(), scope=InstrumentationScope())).batch
    assert event.scope is None


def test_empty_envelopes_make_no_events() -> None:
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(), ResourceLogs(scope_logs=[ScopeLogs()])])
    assert not decode("/v1/logs", request).batch
    assert decode_request("/v1/logs", b"", encoding="protobuf", received_unix_nano=1).warning == ""


def test_a_request_with_nothing_but_unknown_fields_is_warned_of() -> None:
    decoded = decode_request("/v1/logs", b"\xa2\x06\x01x", encoding="protobuf", received_unix_nano=1)
    assert "does not know" in decoded.warning


def test_values_of_every_kind_arrive_as_python_values() -> None:
    inner = AnyValue()
    inner.array_value.values.extend(
        [AnyValue(bool_value=False), AnyValue(int_value=0), AnyValue(double_value=0), AnyValue()]
    )
    inner.array_value.values.add().kvlist_value.values.append(KeyValue(key="k", value=AnyValue(bytes_value=b"\xff")))
    assert log(LogRecord(body=inner)).body == [False, 0, 0.0, None, {"k": b"\xff"}]
    assert log(LogRecord(body=AnyValue(string_value=""))).body == ""
    assert log(LogRecord()).body is None


@pytest.mark.skipif("string_value_strindex" not in AnyValue.DESCRIPTOR.fields_by_name, reason="an older protocol")
def test_a_value_by_index_is_for_profiles_only_and_reads_as_empty() -> None:
    decoded = decode("/v1/logs", logs(LogRecord(time_unix_nano=1, body=AnyValue(string_value_strindex=3))))
    assert decoded.batch.events[0].body is None
    assert decoded.notes == {"value_by_index": 1}


def test_invalid_utf_8_makes_the_request_invalid() -> None:
    body = logs(LogRecord(severity_text="abc")).SerializeToString().replace(b"abc", b"a\xffc")
    with pytest.raises(InvalidDataError, match="logs: not a valid protobuf ExportLogsServiceRequest"):
        decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=1)


def field(number: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 128 else bytes([len(content) & 127 | 128, len(content) >> 7])
    return bytes([number << 3 | 2]) + length + content


@pytest.mark.parametrize(("arrays", "good"), [(40, True), (60, False)])
def test_values_nest_up_to_100_levels_of_messages(arrays: int, *, good: bool) -> None:
    value = b""
    for _ in range(arrays):
        value = field(5, field(1, value))  # AnyValue.array_value, ArrayValue.values
    body = field(1, field(2, field(2, field(5, value))))  # request, resource, scope, record
    if good:
        assert len(decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=1).batch) == 1
    else:
        with pytest.raises(InvalidDataError):
            decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=1)


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(InvalidDataError, match="/v1/traces"):
        decode_request("/v1development/profiles", b"", encoding="protobuf", received_unix_nano=1)


# ---- log records ----


def test_a_log_record_keeps_all_its_fields() -> None:
    event = log(
        LogRecord(
            time_unix_nano=5,
            observed_time_unix_nano=6,
            severity_number=17,  # type: ignore[arg-type]
            severity_text="Error",
            body=AnyValue(string_value="b"),
            attributes=[text("a", "b")],
            dropped_attributes_count=3,
            flags=0x101,
            trace_id=TRACE,
            span_id=SPAN,
            event_name="e",
        )
    )
    assert event == Event(
        id=event.id,
        signal="log",
        name="e",
        time_unix_nano=5,
        observed_time_unix_nano=6,
        severity_number=17,
        severity_text="Error",
        body="b",
        attributes={"a": "b"},
        resource={"service.name": "s"},
        dropped_attributes_count=3,
        flags=0x101,
        trace_id=TRACE.hex(),
        span_id=SPAN.hex(),
    )


def test_the_name_of_a_log_event_is_its_field_else_the_attribute_else_empty() -> None:
    assert log(LogRecord(event_name="f", attributes=[text("event.name", "a")])).name == "f"
    assert log(LogRecord(attributes=[text("event.name", "a")])).name == "a"
    assert log(LogRecord(attributes=[KeyValue(key="event.name", value=AnyValue(int_value=5))])).name == ""
    assert log(LogRecord()).name == ""


@pytest.mark.parametrize(("trace_id", "span_id"), [(b"", b""), (bytes(16), bytes(8)), (TRACE[:-1], SPAN * 2)])
def test_ids_that_are_empty_zero_or_of_wrong_length_are_no_ids(trace_id: bytes, span_id: bytes) -> None:
    event = log(LogRecord(trace_id=trace_id, span_id=span_id))
    assert (event.trace_id, event.span_id) == ("", "")


def test_the_time_is_the_events_then_the_observed_then_that_of_receipt() -> None:
    assert log(LogRecord(time_unix_nano=5, observed_time_unix_nano=6)).time_unix_nano == 5
    assert log(LogRecord(observed_time_unix_nano=6)).time_unix_nano == 6
    assert log(LogRecord()).time_unix_nano == RECEIVED


# ---- metrics ----


def test_each_data_point_is_an_event_with_the_points_attributes() -> None:
    metric = Metric(name="tokens", unit="1", description="d")
    metric.sum.aggregation_temporality = 1  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    metric.sum.data_points.add(time_unix_nano=7, start_time_unix_nano=3, as_int=5).attributes.append(text("t", "in"))
    metric.sum.data_points.add(time_unix_nano=8, as_double=0.0).attributes.append(text("t", "out"))
    first, second = points(metric)
    assert (first.signal, first.name, first.time_unix_nano, first.attributes) == ("metric", "tokens", 7, {"t": "in"})
    shared = {"kind": "sum", "unit": "1", "description": "d", "temporality": "delta", "monotonic": True}
    assert first.metric == EventMetric(value=5, start_time_unix_nano=3, **shared)  # type: ignore[arg-type]
    assert second.metric == EventMetric(value=0.0, **shared)  # type: ignore[arg-type]
    assert second.attributes == {"t": "out"}


def test_a_gauge_has_no_temporality_and_its_start_time_is_ignored() -> None:
    metric = metric_of(gauge={"data_points": [{"as_int": -5, "start_time_unix_nano": 4}]})
    assert metric == EventMetric(kind="gauge", value=-5)


def test_cumulative_and_unspecified_temporality_are_kept_and_a_new_one_is_counted() -> None:
    point = [{"as_int": 1}]
    assert metric_of(sum={"aggregation_temporality": 2, "data_points": point}).temporality == "cumulative"
    assert metric_of(sum={"data_points": point}).temporality == "unspecified"
    metric = Metric(sum={"aggregation_temporality": 9, "data_points": [{"as_int": 1, "time_unix_nano": 1}]})  # type: ignore[arg-type]
    part = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])
    assert decode("/v1/metrics", ExportMetricsServiceRequest(resource_metrics=[part])).notes == {"enum_unknown": 1}


def test_a_point_without_recorded_value_has_no_number() -> None:
    assert metric_of(sum={"data_points": [{"as_int": 5, "flags": 1}]}).value is None
    gap = metric_of(histogram={"data_points": [{"count": 5, "sum": 1.0, "flags": 1}]})
    assert (gap.count, gap.sum, gap.flags) == (None, None, 1)
    assert metric_of(sum={"data_points": [{"as_int": 5, "flags": 2}]}).value == 5


def test_a_number_point_without_a_value_is_kept_and_counted() -> None:
    part = ResourceMetrics(
        scope_metrics=[ScopeMetrics(metrics=[Metric(sum={"data_points": [{"time_unix_nano": 1}]}), Metric()])]
    )  # type: ignore[arg-type]
    decoded = decode("/v1/metrics", ExportMetricsServiceRequest(resource_metrics=[part]))
    assert [event.metric and event.metric.value for event in decoded.batch] == [None]
    assert decoded.notes == {"value_missing": 1, "metric_without_data": 1}


def test_a_point_with_time_0_gets_the_time_of_receipt() -> None:
    assert points(Metric(gauge={"data_points": [{"as_int": 1}]}))[0].time_unix_nano == RECEIVED  # type: ignore[arg-type]


def test_a_histogram_has_counts_per_bucket_and_absent_sums_are_not_0() -> None:
    point = {"count": 3, "bucket_counts": [1, 2], "explicit_bounds": [0.5], "sum": 0.0, "max": 9.0}
    metric = metric_of(histogram={"aggregation_temporality": 1, "data_points": [point]})
    expected = EventMetric(
        kind="histogram", temporality="delta", count=3, sum=0.0, max=9.0, bucket_counts=[1, 2], explicit_bounds=[0.5]
    )
    assert metric == expected
    assert metric.min is None


def test_a_histogram_whose_buckets_do_not_fit_is_kept_and_counted() -> None:
    point = {"time_unix_nano": 1, "bucket_counts": [1], "explicit_bounds": [0.5]}
    part = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[Metric(histogram={"data_points": [point]})])])  # type: ignore[arg-type]
    decoded = decode("/v1/metrics", ExportMetricsServiceRequest(resource_metrics=[part]))
    assert decoded.notes == {"bucket_mismatch": 1}
    assert len(decoded.batch) == 1


def test_an_exponential_histogram_has_two_sides_and_a_zero_bucket() -> None:
    point = {
        "count": 6,
        "scale": -1,
        "zero_count": 1,
        "zero_threshold": 0.1,
        "positive": {"offset": -2, "bucket_counts": [1, 2]},
        "negative": {"offset": 5},
        "min": -1.0,
    }
    metric = metric_of(exponential_histogram={"aggregation_temporality": 2, "data_points": [point]})
    assert metric == EventMetric(
        kind="exponential_histogram",
        temporality="cumulative",
        count=6,
        scale=-1,
        zero_count=1,
        zero_threshold=0.1,
        positive=Buckets(offset=-2, counts=[1, 2]),
        min=-1.0,
    )


def test_a_summary_is_cumulative_and_has_quantiles() -> None:
    point = {
        "count": 2,
        "sum": 3.0,
        "quantile_values": [{"quantile": 0.0, "value": 1.0}, {"quantile": 1.0, "value": 2.0}],
    }
    quantiles = [Quantile(quantile=0.0, value=1.0), Quantile(quantile=1.0, value=2.0)]
    expected = EventMetric(kind="summary", temporality="cumulative", count=2, sum=3.0, quantiles=quantiles)
    assert metric_of(summary={"data_points": [point]}) == expected


def test_exemplars_keep_value_ids_and_attributes() -> None:
    exemplar = {
        "time_unix_nano": 4,
        "as_double": 1.5,
        "trace_id": TRACE,
        "span_id": SPAN,
        "filtered_attributes": [text("a", "b")],
    }
    metric = metric_of(sum={"data_points": [{"as_int": 1, "exemplars": [exemplar]}]})
    expected = Exemplar(time_unix_nano=4, value=1.5, trace_id=TRACE.hex(), span_id=SPAN.hex(), attributes={"a": "b"})
    assert metric.exemplars == [expected]


# ---- spans ----


def test_a_span_keeps_all_its_fields() -> None:
    event, data = span(
        trace_id=TRACE,
        span_id=SPAN,
        parent_span_id=SPAN[::-1],
        trace_state="a=b",
        name="n",
        kind=3,
        start_time_unix_nano=5,
        end_time_unix_nano=9,
        attributes=[text("a", "b")],
        dropped_attributes_count=1,
        events=[{"name": "e", "time_unix_nano": 6, "attributes": [text("c", "d")], "dropped_attributes_count": 2}],
        dropped_events_count=3,
        links=[{"trace_id": TRACE, "span_id": SPAN, "trace_state": "s", "flags": 0x300, "dropped_attributes_count": 4}],
        dropped_links_count=5,
        status={"code": 2, "message": "m"},
        flags=257,
    )
    assert (event.signal, event.name, event.time_unix_nano, event.flags) == ("span", "n", 5, 257)
    assert (event.trace_id, event.span_id, event.attributes) == (TRACE.hex(), SPAN.hex(), {"a": "b"})
    assert event.dropped_attributes_count == 1
    assert data == EventSpan(
        parent_span_id=SPAN[::-1].hex(),
        trace_state="a=b",
        kind="client",
        end_time_unix_nano=9,
        status_code="error",
        status_message="m",
        events=[SpanEvent(name="e", time_unix_nano=6, attributes={"c": "d"}, dropped_attributes_count=2)],
        links=[
            SpanLink(trace_id=TRACE.hex(), span_id=SPAN.hex(), trace_state="s", flags=0x300, dropped_attributes_count=4)
        ],
        dropped_events_count=3,
        dropped_links_count=5,
    )


def test_kinds_and_status_are_words_and_unspecified_is_read_as_internal() -> None:
    words = [span(kind=number)[1].kind for number in range(7)]
    assert words == ["internal", "internal", "server", "client", "producer", "consumer", "unspecified"]
    assert [span(status={"code": number})[1].status_code for number in range(4)] == ["unset", "ok", "error", "unset"]
    assert span()[1].status_code == "unset"


def test_a_root_span_has_no_parent_and_a_span_without_start_gets_the_time_of_receipt() -> None:
    event, data = span()
    assert (data.parent_span_id, event.time_unix_nano) == ("", RECEIVED)
