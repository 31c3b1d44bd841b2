"""Events to OTLP/JSON: export requests as the Collector's file exporter writes and its `otlp_json_file` receiver reads.

The protobuf JSON mapping with OTLP's changes (OTLP specification, "JSON Protobuf Encoding"): keys in lowerCamelCase,
64-bit integers as text, enums as numbers, trace and span ids in hex, bytes in base64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, TypeAlias

import msgspec

from beacon_core.event import Attributes, AttributeValue, Buckets, Event, Exemplar, Metric, Span

Object: TypeAlias = dict[str, Any]  #: a message as JSON

_INT64 = range(-(2**63), 2**63)
_TEMPORALITIES = {"unspecified": 0, "delta": 1, "cumulative": 2}
_SPAN_KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUS_CODES = {"unset": 0, "ok": 1, "error": 2}

#: Levels of messages below a value. Readers take 100 in all (protobuf's default limit); what is around it takes up to
#: nine.
_LEVELS = 88
_ARRAY_LEVELS, _MAP_LEVELS = 2, 3

_to_json = msgspec.json.Encoder()


def encode_otlp_json(events: Iterable[Event]) -> list[bytes]:
    """Return events as OTLP/JSON requests without line breaks, one for each signal among them. Any thread.

    Decoded again, they are the same events with other ids, but for what OTLP cannot say: integers beyond 64 bits with a
    sign are text, and so is, as JSON, what is nested more deeply than readers take.

    Raises:
        TypeError: an event holds something that no attribute can be.
        ValueError: likewise, such as text that is not Unicode.
    """
    signals: dict[str, list[Event]] = {}
    for event in events:
        signals.setdefault(event.signal, []).append(event)
    return [_to_json.encode(_REQUESTS[signal](each)) for signal, each in signals.items()]


def _logs(events: list[Event]) -> Object:
    return {"resourceLogs": list(_resources(events, "scopeLogs", lambda each: {"logRecords": [_log(e) for e in each]}))}


def _spans(events: list[Event]) -> Object:
    return {"resourceSpans": list(_resources(events, "scopeSpans", lambda each: {"spans": [_span(e) for e in each]}))}


def _metrics(events: list[Event]) -> Object:
    return {"resourceMetrics": list(_resources(events, "scopeMetrics", lambda each: {"metrics": [*_by_metric(each)]}))}


_REQUESTS: dict[str, Callable[[list[Event]], Object]] = {"log": _logs, "metric": _metrics, "span": _spans}


def _resources(events: list[Event], scopes: str, records: Callable[[Iterable[Event]], Object]) -> Iterator[Object]:
    """Yield a message for each run of events that share a resource, with one for each scope in it."""
    for _, shared in _runs(events, lambda event: id(event.resource)):
        parts = [_scope(each[0]) | records(each) for _, each in _runs(shared, lambda event: id(event.scope))]
        yield {"resource": {"attributes": _pairs(shared[0].resource)}, scopes: parts}


def _runs(events: Iterable[Event], key: Callable[[Event], Any]) -> Iterator[tuple[Any, list[Event]]]:
    for found, each in groupby(events, key):
        yield found, list(each)


def _scope(event: Event) -> Object:
    scope = event.scope
    if scope is None:
        return {"scope": {}}
    members = {"name": scope.name, "version": scope.version, "attributes": _pairs(scope.attributes)}
    return {"scope": _filled(members)} | _filled({"schemaUrl": scope.schema_url})


# ---- records ----


def _log(event: Event) -> Object:
    record: Object = {"timeUnixNano": str(event.time_unix_nano)}
    if event.observed_time_unix_nano:
        record["observedTimeUnixNano"] = str(event.observed_time_unix_nano)
    if event.body is not None:
        record["body"] = _value(event.body)
    return record | _filled(
        {
            "severityNumber": event.severity_number,
            "severityText": event.severity_text,
            "eventName": event.name,
            "attributes": _pairs(event.attributes),
            "droppedAttributesCount": event.dropped_attributes_count,
            "flags": event.flags,
            "traceId": event.trace_id,
            "spanId": event.span_id,
        }
    )


def _span(event: Event) -> Object:
    span = event.span or Span()
    status = _filled({"code": _STATUS_CODES[span.status_code], "message": span.status_message})
    return {"name": event.name, "startTimeUnixNano": str(event.time_unix_nano), "status": status} | _filled(
        {
            "traceId": event.trace_id,
            "spanId": event.span_id,
            "parentSpanId": span.parent_span_id,
            "traceState": span.trace_state,
            "flags": event.flags,
            "kind": _SPAN_KINDS[span.kind],
            "endTimeUnixNano": _int64(span.end_time_unix_nano),
            "attributes": _pairs(event.attributes),
            "droppedAttributesCount": event.dropped_attributes_count,
            "events": [
                _part(item.attributes, item.dropped_attributes_count)
                | _filled({"timeUnixNano": _int64(item.time_unix_nano), "name": item.name})
                for item in span.events
            ],
            "droppedEventsCount": span.dropped_events_count,
            "links": [
                _part(link.attributes, link.dropped_attributes_count)
                | _filled(
                    {
                        "traceId": link.trace_id,
                        "spanId": link.span_id,
                        "traceState": link.trace_state,
                        "flags": link.flags,
                    }
                )
                for link in span.links
            ],
            "droppedLinksCount": span.dropped_links_count,
        }
    )


def _part(attributes: Attributes, dropped: int) -> Object:
    return _filled({"attributes": _pairs(attributes), "droppedAttributesCount": dropped})


# ---- metrics ----


def _by_metric(events: Iterable[Event]) -> Iterator[Object]:
    """Yield a Metric for each run of data points that belong to the same one."""
    for (name, kind, *shared), points in _runs(events, _metric_key):
        unit, description, temporality, monotonic = shared
        data: Object = {"dataPoints": [_point(event, event.metric or _NO_METRIC) for event in points]}
        if kind in {"sum", "histogram", "exponential_histogram"}:
            data["aggregationTemporality"] = _TEMPORALITIES[temporality]
        if monotonic and kind == "sum":
            data["isMonotonic"] = True
        field = "exponentialHistogram" if kind == "exponential_histogram" else kind
        yield {"name": name} | _filled({"description": description, "unit": unit}) | {field: data}


_NO_METRIC = Metric(kind="gauge")


def _metric_key(event: Event) -> tuple[Any, ...]:
    metric = event.metric or _NO_METRIC
    return event.name, metric.kind, metric.unit, metric.description, metric.temporality, metric.monotonic


def _point(event: Event, metric: Metric) -> Object:
    point = {"timeUnixNano": str(event.time_unix_nano)} | _filled(
        {
            "startTimeUnixNano": _int64(metric.start_time_unix_nano),
            "attributes": _pairs(event.attributes),
            "flags": metric.flags,
            "exemplars": [_exemplar(each) for each in metric.exemplars],
        }
    )
    return point | _POINTS[metric.kind](metric)


def _number(value: float | None) -> Object:
    if value is None:
        return {}
    if isinstance(value, int) and value in _INT64:
        return {"asInt": str(value)}
    return {"asDouble": _double(float(value))}


def _histogram(metric: Metric) -> Object:
    return _distribution(metric) | _filled(
        {
            "bucketCounts": [str(count) for count in metric.bucket_counts],
            "explicitBounds": [_double(bound) for bound in metric.explicit_bounds],
        }
    )


def _exponential_histogram(metric: Metric) -> Object:
    return _distribution(metric) | _filled(
        {
            "scale": metric.scale,
            "zeroCount": _int64(metric.zero_count),
            "zeroThreshold": _double(metric.zero_threshold),
            "positive": _buckets(metric.positive),
            "negative": _buckets(metric.negative),
        }
    )


def _summary(metric: Metric) -> Object:
    quantiles = [{"quantile": _double(each.quantile), "value": _double(each.value)} for each in metric.quantiles]
    return _filled(
        {"count": _int64(metric.count), "sum": _double(metric.sum or 0.0), "quantileValues": quantiles},
    )


def _distribution(metric: Metric) -> Object:
    """Return what both histograms have; `sum`, `min` and `max` may be absent, which is not 0."""
    numbers = {"sum": metric.sum, "min": metric.min, "max": metric.max}
    found: Object = {name: _double(number) for name, number in numbers.items() if number is not None}
    return found | _filled({"count": _int64(metric.count)})


def _buckets(buckets: Buckets | None) -> Object | None:
    if buckets is None:
        return None
    return _filled({"offset": buckets.offset, "bucketCounts": [str(count) for count in buckets.counts]})


def _exemplar(exemplar: Exemplar) -> Object:
    return _number(exemplar.value) | _filled(
        {
            "timeUnixNano": _int64(exemplar.time_unix_nano),
            "traceId": exemplar.trace_id,
            "spanId": exemplar.span_id,
            "filteredAttributes": _pairs(exemplar.attributes),
        }
    )


_POINTS: dict[str, Callable[[Metric], Object]] = {
    "gauge": lambda metric: _number(metric.value),
    "sum": lambda metric: _number(metric.value),
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}


# ---- values ----


def _filled(members: Object) -> Object:
    """Return the members that say something: in protobuf an absent field is 0, empty or false."""
    return {name: value for name, value in members.items() if value}


def _int64(number: int | None) -> str:
    """Return a 64-bit number as text, nothing for 0."""
    return str(number) if number else ""


def _double(number: float) -> float | str:
    """Return a number as JSON knows it, else the word for it."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _pairs(attributes: dict[str, AttributeValue], levels: int = _LEVELS) -> list[Object]:
    return [{"key": _key(key), "value": _value(value, levels)} for key, value in attributes.items()]


def _key(key: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"an attribute's name is text, not {type(key).__name__}")
    return key


def _value(value: AttributeValue, levels: int = _LEVELS) -> Object:
    """Return an AnyValue."""
    if isinstance(value, str):
        return {"stringValue": value}
    if value is None:
        return {}
    if isinstance(value, list | dict):
        return _container(value, levels)
    return _scalar(value)


def _scalar(value: bool | float | bytes) -> Object:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue" if value in _INT64 else "stringValue": str(value)}
        case float():
            return {"doubleValue": _double(value)}
        case bytes():
            return {"bytesValue": value}  # in base64, as msgspec writes bytes
        case _:
            raise TypeError(f"an attribute's value cannot be {type(value).__name__}")


def _container(value: list[AttributeValue] | dict[str, AttributeValue], levels: int) -> Object:
    """Return a list or a map as an AnyValue, as JSON text if it is nested too deeply for readers."""
    left = levels - (_MAP_LEVELS if isinstance(value, dict) else _ARRAY_LEVELS)
    if left < 0:
        return {"stringValue": _to_json.encode(value).decode()}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value, left)}}
    return {"arrayValue": {"values": [_value(item, left) for item in value]}}
