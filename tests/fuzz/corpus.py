"""Good requests and lines to start from: the recorded sessions, and one of every kind of record that OTLP has."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

ROOT = Path(__file__).parents[2]
SESSION = ROOT / "docs" / "examples" / "quickstart" / "session"
RECORDINGS = ROOT.parent / "shared" / "fixtures" / "agents"

JSON, PROTOBUF = "application/json", "application/x-protobuf"
DELTA = metrics.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_TIME = 1_795_145_112_904_000_000


class Sample(NamedTuple):
    """A request that is accepted: path, Content-Type, and the body before compression."""

    path: str
    kind: str
    body: bytes


@cache
def samples() -> list[Sample]:
    """Return all samples, always in the same order."""
    return [*_built(), *recorded()]


@cache
def recorded() -> list[Sample]:
    """Return those of real sessions; the recordings only where they are beside the checkout."""
    return [*_session(), *_recorded()]


@cache
def lines() -> list[bytes]:
    """Return good lines: requests in one line, events that Beacon wrote, objects of other programs."""
    requests = [json.dumps(json.loads(s.body)).encode() for s in samples() if s.kind == JSON and len(s.body) < 8000]
    own = {"id": "a-0", "signal": "log", "name": "n", "time_unix_nano": _TIME, "attributes": {"k": [1, {"x": None}]}}
    others = [
        {"level": "info", "msg": "started", "time": "2026-11-20T07:00:00.5Z", "pid": 17},
        {"timestamp": 1795145112.904, "message": "done", "trace_id": "0af7651916cd43dd8448eb211c80319c", "n": {"d": 1}},
        {"severity_text": "WARN", "severity_number": 13, "body": {"k": [True, None, 1.5, "x"]}, "resource": {"h": "x"}},
        {},
    ]
    return [*requests, *(json.dumps(each).encode() for each in (own, *others))]


def _session() -> Iterator[Sample]:
    for path in sorted(SESSION.glob("*.json")):
        yield Sample(f"/v1/{path.stem.partition('_')[2]}", JSON, path.read_bytes())


def _recorded() -> Iterator[Sample]:
    for manifest in sorted(RECORDINGS.glob("*/*/manifest.json")):
        for entry in json.loads(manifest.read_text()):
            if entry["transport"] == "http":
                body = (manifest.parent / entry["file"]).read_bytes()
                kind = next(value for name, value in entry["headers"].items() if name.lower() == "content-type")
                yield Sample(entry["path"], kind, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


def _built() -> Iterator[Sample]:
    yield Sample("/v1/logs", PROTOBUF, _logs().SerializeToString())
    yield Sample("/v1/metrics", PROTOBUF, _metrics().SerializeToString())
    yield Sample("/v1/traces", PROTOBUF, _traces().SerializeToString())
    yield Sample("/v1/traces", JSON, json.dumps(_TRACES_JSON).encode())


def _attributes() -> list[KeyValue]:
    nested = KeyValueList(values=[KeyValue(key="deep", value=AnyValue(array_value=ArrayValue(values=[AnyValue()])))])
    values = {
        "text": AnyValue(string_value="value ü €"),
        "whole": AnyValue(int_value=-(2**63)),
        "real": AnyValue(double_value=1e300),
        "truth": AnyValue(bool_value=True),
        "raw": AnyValue(bytes_value=b"\x00\xff"),
        "map": AnyValue(kvlist_value=nested),
    }
    return [KeyValue(key=key, value=value) for key, value in values.items()]


def _logs() -> ExportLogsServiceRequest:
    records = [
        LogRecord(time_unix_nano=_TIME, body=AnyValue(string_value="text"), attributes=_attributes()),
        LogRecord(
            observed_time_unix_nano=_TIME,
            severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR,
            severity_text="ERROR",
            trace_id=b"t" * 16,
            flags=1,
        ),
    ]
    scope = ScopeLogs(log_records=records)
    scope.scope.name = "com.example"
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope])])


def _metrics() -> ExportMetricsServiceRequest:
    number = metrics.NumberDataPoint(time_unix_nano=_TIME, as_double=0.5, attributes=_attributes()[:2])
    counts = {"time_unix_nano": _TIME, "count": 3, "sum": 4.5}
    kinds = [
        metrics.Metric(name="gauge", gauge=metrics.Gauge(data_points=[number])),
        metrics.Metric(
            name="sum", sum=metrics.Sum(data_points=[number], aggregation_temporality=DELTA, is_monotonic=True)
        ),
        metrics.Metric(name="histogram"),
        metrics.Metric(name="exponential"),
        metrics.Metric(name="summary"),
    ]
    kinds[2].histogram.data_points.add(**counts, bucket_counts=[1, 2], explicit_bounds=[2.5])
    kinds[3].exponential_histogram.data_points.add(**counts, scale=2, zero_count=1).positive.bucket_counts.extend([2])
    kinds[4].summary.data_points.add(**counts).quantile_values.add(quantile=0.5, value=1.5)
    scope = metrics.ScopeMetrics(metrics=kinds)
    return ExportMetricsServiceRequest(resource_metrics=[metrics.ResourceMetrics(scope_metrics=[scope])])


def _traces() -> ExportTraceServiceRequest:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="work", kind=Span.SPAN_KIND_CLIENT, attributes=_attributes())
    span.start_time_unix_nano, span.end_time_unix_nano = _TIME, _TIME + 5
    span.events.add(time_unix_nano=_TIME, name="event", attributes=_attributes()[:1])
    span.links.add(trace_id=b"l" * 16, span_id=b"k" * 8)
    span.status.code = Status.STATUS_CODE_ERROR
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])


_SPAN_JSON = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "work",
    "kind": "SPAN_KIND_CLIENT",
    "startTimeUnixNano": str(_TIME),
    "endTimeUnixNano": str(_TIME + 5),
    "attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"doubleValue": 0.5}]}}}],
    "events": [{"timeUnixNano": str(_TIME), "name": "event"}],
    "links": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}],
    "status": {"code": 2, "message": "failed"},
}
_TRACES_JSON = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "s"}, "spans": [_SPAN_JSON]}]}]}
