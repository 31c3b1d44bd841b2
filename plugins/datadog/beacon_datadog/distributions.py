"""Histograms as Datadog distributions: the measurements that a delta histogram stands for.

Datadog, "Submit distribution points" (v1): values in plain, no buckets. Each bucket gives as many values as it counted,
evenly spread between its bounds; the lowest and the highest are exact where the histogram says them. What OpenTelemetry
says about bounds: data model, "Histogram" and "ExponentialHistogram".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Any

import msgspec

from beacon_core import Buckets, Event, Metric
from beacon_datadog.encoding import Origin
from beacon_datadog.series import NO_RECORDED_VALUE, UNNAMED, tags_of

#: Measurements of one point; of more only count, sum, minimum and maximum are sent, as series.
MAX_MEASUREMENTS = 10_000

_to_json = msgspec.json.Encoder().encode

Bucket = tuple[float, float, int]


def encode_distribution(event: Event, source: Origin) -> bytes | None:
    """Return the distribution of a metric point as JSON; None where it is none, or holds no shape."""
    metric = event.metric
    if metric is None or metric.flags & NO_RECORDED_VALUE or metric.temporality != "delta":
        return None
    values = measurements(metric)
    if not values:
        return None
    series: dict[str, Any] = {
        "metric": event.name or UNNAMED,
        "type": "distribution",
        "points": [[event.time_unix_nano // 1_000_000_000, values]],
        "tags": tags_of(event, source),
    }
    if source.hostname:
        series["host"] = source.hostname
    return _to_json(series)


def measurements(metric: Metric) -> list[float]:
    """Return what a histogram measured, as far as its buckets tell, in ascending order; empty if they do not."""
    if not metric.count or metric.count > MAX_MEASUREMENTS:
        return []
    try:
        buckets = list(_explicit(metric) if metric.kind == "histogram" else _exponential(metric))
    except OverflowError:  # a bound beyond the largest number
        return []
    if sum(count for _, _, count in buckets) != metric.count or not _are_finite(buckets):
        return []
    values = sorted(chain.from_iterable(_spread(*_within(bucket, metric)) for bucket in buckets))
    if metric.min is not None:
        values[0] = metric.min
    if metric.max is not None:
        values[-1] = metric.max
    return values if all(map(math.isfinite, values)) else []


def _explicit(metric: Metric) -> Iterator[Bucket]:
    """Yield the buckets; the outer ones, which have no end, begin at the minimum and end at the maximum if known."""
    bounds, counts = metric.explicit_bounds, metric.bucket_counts
    if len(counts) != len(bounds) + 1:
        return
    if not bounds:
        mean = (metric.sum or 0.0) / (metric.count or 1)
        yield _first(metric.min, mean), _first(metric.max, mean), counts[0]
        return
    lowest = _first(metric.min, min(0.0, bounds[0]))
    highest = _first(metric.max, bounds[-1])
    edges = [min(lowest, bounds[0]), *bounds, max(highest, bounds[-1])]
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        if count:
            yield low, high, count


def _exponential(metric: Metric) -> Iterator[Bucket]:
    if metric.scale is None:
        return
    width = 2.0**-metric.scale
    if metric.zero_count:
        yield 0.0, 0.0, metric.zero_count
    for index, count in _occupied(metric.positive):
        yield math.exp2(index * width), math.exp2((index + 1) * width), count
    for index, count in _occupied(metric.negative):
        yield -math.exp2((index + 1) * width), -math.exp2(index * width), count


def _occupied(side: Buckets | None) -> Iterable[tuple[int, int]]:
    if side is None:
        return ()
    return ((side.offset + position, count) for position, count in enumerate(side.counts) if count)


def _within(bucket: Bucket, metric: Metric) -> Bucket:
    """Return a bucket without what lies beyond the minimum and the maximum."""
    low, high, count = bucket
    least, most = _first(metric.min, low), _first(metric.max, high)
    return min(max(low, least), high), max(min(high, most), low), count


def _spread(low: float, high: float, count: int) -> Iterator[float]:
    step = (high - low) / count
    return (low + step * (number + 0.5) for number in range(count))


def _are_finite(buckets: list[Bucket]) -> bool:
    return all(math.isfinite(low) and math.isfinite(high) and count > 0 for low, high, count in buckets)


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
