"""Metric points as Datadog series: what can be said without knowing earlier points.

Datadog, "Submit metrics" (v2). A delta is a count; a cumulative sum is sent as a gauge, because its increase cannot be
told from one point. Of summaries, and of histograms that are no distributions, count, sum, min, max and quantiles are
sent; buckets are lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from beacon_core import AttributeValue, Event, Metric
from beacon_datadog.encoding import Origin

COUNT, GAUGE = 1, 3
NO_RECORDED_VALUE = 1
#: Name of a metric that has none: Datadog refuses points without a name, and with them the whole request.
UNNAMED = "unnamed"

_to_json = msgspec.json.Encoder().encode

Value = tuple[str, int, int | float | None, list[str]]


def encode_series(event: Event, source: Origin) -> list[bytes]:
    """Return the series of a metric point as JSON; none where it holds no number."""
    metric = event.metric
    if metric is None or metric.flags & NO_RECORDED_VALUE:
        return []
    tags = tags_of(event, source)
    shared: dict[str, Any] = {}
    if source.hostname:
        shared["resources"] = [{"type": "host", "name": source.hostname}]
    series = []
    for name, kind, value, more in _values(event.name or UNNAMED, metric):
        if value is None or not math.isfinite(value):
            continue
        point = {"timestamp": event.time_unix_nano // 1_000_000_000, "value": value}
        one = {"metric": name, "type": kind, "points": [point], "tags": tags + more, **shared}
        if kind == COUNT and metric.start_time_unix_nano:
            one["interval"] = max(1, round((event.time_unix_nano - metric.start_time_unix_nano) / 1e9))
        series.append(_to_json(one))
    return series


def _values(name: str, metric: Metric) -> Iterator[Value]:
    total = COUNT if metric.temporality == "delta" else GAUGE
    if metric.kind in {"gauge", "sum"}:
        yield name, GAUGE if metric.kind == "gauge" else total, metric.value, []
        return
    yield f"{name}.count", total, metric.count, []
    yield f"{name}.sum", total, metric.sum, []
    yield f"{name}.min", GAUGE, metric.min, []
    yield f"{name}.max", GAUGE, metric.max, []
    for each in metric.quantiles:
        yield f"{name}.quantile", GAUGE, each.value, [f"quantile:{each.quantile:g}"]


def tags_of(event: Event, source: Origin) -> list[str]:
    """Return the tags of a metric point: its attributes, and where it comes from."""
    own = [f"{key}:{_text(value)}" for key, value in event.attributes.items() if value is not None]
    return [*own, *source.tags, *([f"service:{source.service}"] if source.service else [])]


def _text(value: AttributeValue) -> str:
    return value if isinstance(value, str) else _to_json(value).decode().strip('"')
