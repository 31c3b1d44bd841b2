"""Delta histograms as distributions: as many values as were measured, where the buckets say that they lie."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core import Buckets, Metric
from beacon_datadog.distributions import MAX_MEASUREMENTS, encode_distribution, measurements
from beacon_datadog.encoding import Origin
from plugins.datadog.tests.samples import METRICS, metric

ORIGIN = Origin("claude-code", "ci-1", ("team:ci",))


def explicit(counts: list[int], bounds: list[float], **more: Any) -> Metric:
    return Metric(
        kind="histogram",
        temporality="delta",
        count=sum(counts),
        bucket_counts=counts,
        explicit_bounds=bounds,
        **more,
    )


@pytest.mark.parametrize(
    ("histogram", "values"),
    [
        (explicit([0, 2, 0], [1.0, 3.0]), [1.5, 2.5]),
        (explicit([1, 0, 0], [1.0, 3.0]), [0.5]),  # what has no lower end begins at 0
        (explicit([1, 0, 0], [-1.0, 3.0]), [-1.0]),
        (explicit([0, 0, 1], [1.0, 3.0]), [3.0]),  # what has no upper end is at its bound
        (explicit([1, 0, 1], [1.0, 3.0], min=0.9, max=100.0), [0.9, 100.0]),
        (explicit([0, 3, 0], [1.0, 3.0], min=2.0, max=2.0), [2.0, 2.0, 2.0]),
        (explicit([0, 3, 0], [0.0, 100.0], min=40.0, max=46.0), [40.0, 43.0, 46.0]),
        (explicit([2], [], sum=5.0), [2.5, 2.5]),
        (explicit([2], [], min=1.0, max=5.0), [1.0, 5.0]),
    ],
)
def test_values_lie_in_their_buckets(histogram: Metric, values: list[float]) -> None:
    assert measurements(histogram) == values


def test_an_exponential_histogram_has_buckets_on_both_sides_of_zero() -> None:
    sample = METRICS["delta_exponential_histogram"].metric
    assert sample is not None
    assert measurements(sample) == [-5.0, -3.0, 0.0, 0.0, 2.5, 3.5, 12.0]


@pytest.mark.parametrize(
    "histogram",
    [
        explicit([], []),
        explicit([1, 2], []),
        explicit([1], [1.0, 2.0]),
        explicit([1, 0], [math.inf]),
        explicit([1, 0], [1.0], min=math.nan),
        explicit([1, 0], [1.0], max=math.inf),
        explicit([2, -1], [1.0]),
        explicit([MAX_MEASUREMENTS + 1, 0], [1.0]),
        Metric(kind="histogram", temporality="delta", count=3, bucket_counts=[1, 1], explicit_bounds=[1.0]),
        Metric(kind="histogram", temporality="delta", sum=3.0),
        Metric(kind="exponential_histogram", temporality="delta", count=1, positive=Buckets(counts=[1])),
        Metric(
            kind="exponential_histogram",
            temporality="delta",
            count=1,
            scale=-10,
            positive=Buckets(offset=9, counts=[1]),
        ),
        Metric(kind="gauge", value=1),
    ],
)
def test_without_a_shape_there_is_no_distribution(histogram: Metric) -> None:
    assert measurements(histogram) == []


@pytest.mark.parametrize("temporality", ["cumulative", "unspecified"])
def test_a_running_total_is_no_distribution(temporality: Any) -> None:
    """Its increase cannot be told from one point."""
    event = metric("histogram", count=1, temporality=temporality, bucket_counts=[1, 0], explicit_bounds=[1.0])
    assert encode_distribution(event, ORIGIN) is None


def test_a_gap_marker_is_no_distribution() -> None:
    event = metric("histogram", count=1, temporality="delta", flags=1, bucket_counts=[1, 0], explicit_bounds=[1.0])
    assert encode_distribution(event, ORIGIN) is None


def test_a_distribution_says_where_it_comes_from() -> None:
    encoded = encode_distribution(METRICS["histogram"], ORIGIN)
    assert encoded is not None
    series = json.loads(encoded)
    assert (series["metric"], series["type"], series["host"]) == ("claude_code.cost.usage", "distribution", "ci-1")
    assert series["tags"] == ["model:opus", "cached:true", "list:[1,2]", "team:ci", "service:claude-code"]
    ((time, values),) = series["points"]
    assert (time, len(values), values[-1]) == (1_795_145_112, 6, 9.0)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=8),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e3),
)
def test_every_bucket_gets_as_many_values_as_it_counted(counts: list[int], first: float, width: float) -> None:
    bounds = [first + width * number for number in range(len(counts) + 1)]
    values = measurements(explicit([0, *counts, 0], bounds))
    assert values == sorted(values)
    found = [sum(low <= value <= high for value in values) for low, high in pairwise(bounds)]
    assert found == counts
