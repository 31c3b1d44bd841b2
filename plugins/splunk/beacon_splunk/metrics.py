"""Metric points as the numbers that Splunk's metric store knows: names, values, one dimension where it takes several.

The names follow the Collector's exporter (`_count`, `_sum`, cumulative `_bucket` with `le`, quantiles with `qt`), so
that searches written for it work. An exponential histogram keeps count, sum, min and max; its shape is lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate

import msgspec

from beacon_core import Metric

NO_RECORDED_VALUE = 1

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.:]")

Measurement = tuple[dict[str, str], dict[str, msgspec.Raw]]


def measurements(name: str, metric: Metric) -> list[Measurement]:
    """Return what a point measured: extra dimensions and `metric_name:<name>` members, one pair an object.

    Empty where there is no number: a gap marker, NaN, infinity.
    """
    if metric.flags & NO_RECORDED_VALUE:
        return []
    found = []
    for dimensions, values in _values(metric_name(name), metric):
        finite = {key: value for key, value in values.items() if value is not None and math.isfinite(value)}
        numbers = {f"metric_name:{key}": number(value) for key, value in finite.items()}
        if numbers:
            found.append((dimensions, numbers))
    return found


def metric_name(name: str) -> str:
    """Return a name that Splunk takes: letters, digits, `_.:`; no digit or `_` first, no `metric_name` in it."""
    clean = _FORBIDDEN.sub("_", name).replace("metric_name", "metric.name")
    return clean if clean[:1].isalpha() else f"m{clean}"


def number(value: float) -> msgspec.Raw:
    """Return a number as JSON without exponent, which some versions of Splunk refuse."""
    text = repr(value)
    return msgspec.Raw((format(Decimal(text), "f") if "e" in text else text).encode())


def _values(name: str, metric: Metric) -> Iterator[tuple[dict[str, str], dict[str, int | float | None]]]:
    match metric.kind:
        case "gauge" | "sum":
            yield {}, {name: metric.value}
        case "histogram":
            yield {}, {f"{name}_count": metric.count, f"{name}_sum": metric.sum}
            bounds = [*(_go_float(bound) for bound in metric.explicit_bounds), "+Inf"]
            for bound, below in zip(bounds, accumulate(metric.bucket_counts), strict=False):
                yield {"le": bound}, {f"{name}_bucket": below}
        case "summary":
            yield {}, {f"{name}_count": metric.count, f"{name}_sum": metric.sum}
            for each in metric.quantiles:
                quantile = _go_float(each.quantile)
                yield {"qt": quantile}, {f"{name}_{quantile}": each.value}
        case "exponential_histogram":
            parts = {"count": metric.count, "sum": metric.sum, "min": metric.min, "max": metric.max}
            yield {}, {f"{name}_{part}": value for part, value in parts.items()}


def _go_float(value: float) -> str:
    """Return a number as the Collector writes it into a dimension: 5, not 5.0."""
    return repr(float(value)).removesuffix(".0")
