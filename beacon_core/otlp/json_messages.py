"""The types of OTLP/JSON: the messages of opentelemetry-proto 1.x under their own names, keys in lowerCamelCase.

Decoded with `strict=False`, which takes numbers written as text ("10", "1e3", "NaN") and whole numbers written with a
fraction (10.0), as the protobuf JSON mapping does. Any field may be null, which means absent; unknown ones are skipped.
"""

# ruff: noqa: D101 - each class is the message of its name in opentelemetry-proto

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

# msgspec bounds integers by int64 only; times and counts above that are checked where they are read.
Unsigned64: TypeAlias = Annotated[int, Meta(ge=0)]
Signed64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Unsigned32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Signed32: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Enum: TypeAlias = Signed32 | str


class _Message(msgspec.Struct, rename="camel", gc=False):
    """Base: fields are optional, objects live for one request and refer to no parent."""


class AnyValue(_Message):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Signed64 | None = None
    double_value: float | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class ArrayValue(_Message):
    values: list[AnyValue | None] | None = None


class KeyValue(_Message):
    key: str | None = None
    value: AnyValue | None = None


class KeyValueList(_Message):
    values: list[KeyValue] | None = None


class Resource(_Message):
    attributes: list[KeyValue] | None = None


class InstrumentationScope(_Message):
    name: str | None = None
    version: str | None = None
    attributes: list[KeyValue] | None = None


class LogRecord(_Message):
    time_unix_nano: Unsigned64 | None = None
    observed_time_unix_nano: Unsigned64 | None = None
    severity_number: Enum | None = None
    severity_text: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Unsigned32 | None = None
    flags: Unsigned32 | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class ScopeLogs(_Message):
    scope: InstrumentationScope | None = None
    log_records: list[LogRecord] | None = None
    schema_url: str | None = None


class ResourceLogs(_Message):
    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None


class ExportLogsServiceRequest(_Message):
    resource_logs: list[ResourceLogs] | None = None


class Exemplar(_Message):
    time_unix_nano: Unsigned64 | None = None
    as_double: float | None = None
    as_int: Signed64 | None = None
    span_id: str | None = None
    trace_id: str | None = None
    filtered_attributes: list[KeyValue] | None = None


class _Point(_Message):
    attributes: list[KeyValue] | None = None
    start_time_unix_nano: Unsigned64 | None = None
    time_unix_nano: Unsigned64 | None = None
    flags: Unsigned32 | None = None


class NumberDataPoint(_Point):
    as_double: float | None = None
    as_int: Signed64 | None = None
    exemplars: list[Exemplar] | None = None


class HistogramDataPoint(_Point):
    count: Unsigned64 | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bucket_counts: list[Unsigned64] | None = None
    explicit_bounds: list[float] | None = None
    exemplars: list[Exemplar] | None = None


class Buckets(_Message):
    offset: Signed32 | None = None
    bucket_counts: list[Unsigned64] | None = None


class ExponentialHistogramDataPoint(_Point):
    count: Unsigned64 | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    scale: Signed32 | None = None
    zero_count: Unsigned64 | None = None
    zero_threshold: float | None = None
    positive: Buckets | None = None
    negative: Buckets | None = None
    exemplars: list[Exemplar] | None = None


class ValueAtQuantile(_Message):
    quantile: float | None = None
    value: float | None = None


class SummaryDataPoint(_Point):
    count: Unsigned64 | None = None
    sum: float | None = None
    quantile_values: list[ValueAtQuantile] | None = None


class Gauge(_Message):
    data_points: list[NumberDataPoint] | None = None


class Sum(_Message):
    data_points: list[NumberDataPoint] | None = None
    aggregation_temporality: Enum | None = None
    is_monotonic: bool | None = None


class Histogram(_Message):
    data_points: list[HistogramDataPoint] | None = None
    aggregation_temporality: Enum | None = None


class ExponentialHistogram(_Message):
    data_points: list[ExponentialHistogramDataPoint] | None = None
    aggregation_temporality: Enum | None = None


class Summary(_Message):
    data_points: list[SummaryDataPoint] | None = None


class Metric(_Message):
    name: str | None = None
    description: str | None = None
    unit: str | None = None
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class ScopeMetrics(_Message):
    scope: InstrumentationScope | None = None
    metrics: list[Metric] | None = None
    schema_url: str | None = None


class ResourceMetrics(_Message):
    resource: Resource | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class ExportMetricsServiceRequest(_Message):
    resource_metrics: list[ResourceMetrics] | None = None


class SpanEvent(_Message):
    time_unix_nano: Unsigned64 | None = None
    name: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Unsigned32 | None = None


class SpanLink(_Message):
    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Unsigned32 | None = None
    flags: Unsigned32 | None = None


class Status(_Message):
    message: str | None = None
    code: Enum | None = None


class Span(_Message):
    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: Enum | None = None
    start_time_unix_nano: Unsigned64 | None = None
    end_time_unix_nano: Unsigned64 | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Unsigned32 | None = None
    events: list[SpanEvent] | None = None
    dropped_events_count: Unsigned32 | None = None
    links: list[SpanLink] | None = None
    dropped_links_count: Unsigned32 | None = None
    status: Status | None = None
    flags: Unsigned32 | None = None


class ScopeSpans(_Message):
    scope: InstrumentationScope | None = None
    spans: list[Span] | None = None
    schema_url: str | None = None


class ResourceSpans(_Message):
    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class ExportTraceServiceRequest(_Message):
    resource_spans: list[ResourceSpans] | None = None
