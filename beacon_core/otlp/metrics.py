"""Data points of metrics to events (metrics.proto)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from beacon_core.event import Buckets, Event, Exemplar, Metric, Quantile
from beacon_core.otlp.wire import Message, Wire, unsigned

Members: TypeAlias = dict[str, Any]  #: members of a Metric

_TEMPORALITIES = ("unspecified", "delta", "cumulative")
_TEMPORALITY_NAMES = {f"AGGREGATION_TEMPORALITY_{word.upper()}": place for place, word in enumerate(_TEMPORALITIES)}

#: DataPointFlags: the point marks a gap in the series; its numbers are no measurements.
NO_RECORDED_VALUE = 1


def add_metrics(request: Message, wire: Wire, events: list[Event], prefix: str, received: int) -> None:
    """Append one event for each data point of an ExportMetricsServiceRequest."""
    for resource, scope, metrics in wire.scopes(request, "resource_metrics", "scope_metrics", "metrics"):
        for metric in metrics:
            kind = wire.data_kind(metric)
            if kind is None:
                wire.note("metric_without_data")
                continue
            shared = _shared(metric, kind, wire)
            for point in getattr(metric, kind).data_points or ():
                events.append(
                    Event(
                        id=f"{prefix}{len(events)}",
                        signal="metric",
                        name=metric.name or "",
                        time_unix_nano=unsigned(point.time_unix_nano) or wire.missing_time(received),
                        attributes=wire.attributes(point.attributes),
                        resource=resource,
                        scope=scope,
                        metric=_metric(point, wire, shared),
                    )
                )


def _shared(metric: Message, kind: str, wire: Wire) -> Members:
    """Return what the points of a metric have in common."""
    data = getattr(metric, kind)
    number = getattr(data, "aggregation_temporality", 0)
    temporality = wire.word(number, _TEMPORALITY_NAMES, _TEMPORALITIES)
    return {
        "kind": kind,
        "unit": metric.unit or "",
        "description": metric.description or "",
        "temporality": "cumulative" if kind == "summary" else temporality,  # a summary always is
        "monotonic": bool(getattr(data, "is_monotonic", False)),
    }


def _metric(point: Message, wire: Wire, shared: Members) -> Metric:
    flags, kind = point.flags or 0, shared["kind"]
    numbers = {} if flags & NO_RECORDED_VALUE else _NUMBERS[kind](point, wire)
    # "Gauge: start time is ignored" (metrics.proto).
    start = 0 if kind == "gauge" else unsigned(point.start_time_unix_nano)
    return Metric(start_time_unix_nano=start, flags=flags, **shared, **numbers)


def _number(point: Message, wire: Wire) -> Members:
    value = wire.number(point)
    if value is None:
        wire.note("value_missing")
    return {"value": value, "exemplars": _exemplars(point, wire)}


def _histogram(point: Message, wire: Wire) -> Members:
    counts, bounds = _counts(point.bucket_counts), list(point.explicit_bounds or ())
    if (counts or bounds) and len(counts) != len(bounds) + 1:
        wire.note("bucket_mismatch")
    return {
        "count": unsigned(point.count),
        "bucket_counts": counts,
        "explicit_bounds": bounds,
        "exemplars": _exemplars(point, wire),
        **_extremes(point, wire),
    }


def _exponential_histogram(point: Message, wire: Wire) -> Members:
    return {
        "count": unsigned(point.count),
        "scale": point.scale or 0,
        "zero_count": unsigned(point.zero_count),
        "zero_threshold": point.zero_threshold or 0.0,
        "positive": _buckets(point.positive),
        "negative": _buckets(point.negative),
        "exemplars": _exemplars(point, wire),
        **_extremes(point, wire),
    }


def _summary(point: Message, wire: Wire) -> Members:  # noqa: ARG001 - one signature for all kinds
    quantiles = [
        Quantile(quantile=item.quantile or 0.0, value=item.value or 0.0) for item in point.quantile_values or ()
    ]
    return {"count": unsigned(point.count), "sum": point.sum or 0.0, "quantiles": quantiles}


def _extremes(point: Message, wire: Wire) -> Members:
    return {name: wire.optional(point, name) for name in ("sum", "min", "max")}


def _counts(counts: Any) -> list[int]:
    return [unsigned(count) for count in counts or ()]


def _buckets(buckets: Message) -> Buckets | None:
    counts = _counts(buckets.bucket_counts) if buckets else []
    return Buckets(offset=buckets.offset or 0, counts=counts) if counts else None


def _exemplars(point: Message, wire: Wire) -> list[Exemplar]:
    return [
        Exemplar(
            time_unix_nano=unsigned(exemplar.time_unix_nano),
            value=wire.number(exemplar),
            trace_id=wire.identifier(exemplar.trace_id, 16),
            span_id=wire.identifier(exemplar.span_id, 8),
            attributes=wire.attributes(exemplar.filtered_attributes),
        )
        for exemplar in point.exemplars or ()
    ]


_NUMBERS: dict[str, Callable[[Message, Wire], Members]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}
