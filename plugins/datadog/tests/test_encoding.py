"""Wire bodies: golden files for every kind of event, reserved names, levels, limits."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Buckets, Event, Metric, Quantile, Span, SpanEvent
from beacon_core.testing import make_event
from beacon_datadog.encoding import Encoder, Origin, origin
from beacon_datadog.series import encode_series

GOLDEN = Path(__file__).parent / "golden"
TIME = 1_795_145_112_904_000_007
DEFAULTS = Origin("fallback", None, ("team:ci",))


def metric(kind: Any, **members: Any) -> Event:
    return make_event(
        signal="metric",
        name="claude_code.cost.usage",
        time_unix_nano=TIME,
        body=None,
        attributes={"model": "opus", "cached": True, "list": [1, 2], "nothing": None},
        resource={"service.name": "claude-code", "host.name": "ci-1", "deployment.environment.name": "ci"},
        metric=Metric(kind=kind, **members),
    )


START = TIME - 60_000_000_000
LOGS = {
    "log": make_event(
        time_unix_nano=TIME,
        name="tool_result",
        body="tool finished",
        severity_text="WARN",
        severity_number=13,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        attributes={"success": True, "nested": {"a": {"b": 1}}, "status": 200, "message": "mine", "raw": b"\x00\x01"},
        resource={
            "service.name": "claude-code",
            "service.version": "2.1,328",
            "host.name": "ci-1",
            "deployment.environment.name": "ci",
            "os.type": "linux",
        },
    ),
    "structured_log": make_event(time_unix_nano=TIME, body={"tool": "Bash", "args": ["ls", 1]}, attributes={}),
    "span": make_event(
        signal="span",
        time_unix_nano=TIME,
        name="llm_request",
        body=None,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        attributes={"model": "opus"},
        span=Span(
            kind="client",
            end_time_unix_nano=TIME + 5,
            status_code="error",
            status_message="timed out",
            events=[SpanEvent(name="retry", time_unix_nano=TIME + 1)],
        ),
    ),
    "metric_as_log": metric("sum", value=0.25, temporality="delta", monotonic=True),
}
METRICS = {
    "gauge": metric("gauge", value=0.5),
    "delta_sum": metric("sum", value=3, temporality="delta", monotonic=True, start_time_unix_nano=START),
    "cumulative_sum": metric("sum", value=7, temporality="cumulative", monotonic=True, start_time_unix_nano=START),
    "histogram": metric(
        "histogram",
        count=6,
        sum=21.5,
        max=9.0,
        temporality="delta",
        bucket_counts=[1, 2, 3],
        explicit_bounds=[0.5, 5.0],
    ),
    "exponential_histogram": metric(
        "exponential_histogram", count=3, sum=6.0, temporality="cumulative", scale=2, positive=Buckets(counts=[3])
    ),
    "summary": metric("summary", count=2, sum=3.0, quantiles=[Quantile(quantile=0.5, value=1.5)]),
}


def log_body(event: Event) -> bytes:
    return Encoder("beacon", DEFAULTS).encode(event) + b"\n"


def series_body(event: Event) -> bytes:
    return b"\n".join(encode_series(event, origin(event.resource, DEFAULTS))) + b"\n"


def entry(event: Event) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(log_body(event))
    return value


@pytest.mark.parametrize("name", LOGS)
def test_log_entry_is_the_golden_one(name: str) -> None:
    assert log_body(LOGS[name]).decode() == (GOLDEN / f"{name}.json").read_text()


@pytest.mark.parametrize("name", METRICS)
def test_series_are_the_golden_ones(name: str) -> None:
    assert series_body(METRICS[name]).decode() == (GOLDEN / f"{name}.json").read_text()


@pytest.mark.parametrize(
    ("number", "text", "status"),
    [
        (1, "", "trace"),
        (8, "", "debug"),
        (9, "ERROR", "info"),
        (13, "", "warn"),
        (17, "", "error"),
        (24, "", "fatal"),
        (0, "notice", "notice"),
        (99, "", None),
        (0, "", None),
    ],
)
def test_the_level_is_a_text_never_a_number(number: int, text: str, status: str | None) -> None:
    assert entry(make_event(severity_number=number, severity_text=text)).get("status") == status


@pytest.mark.parametrize("body", [None, "", " ", [], {}])
def test_an_entry_without_body_has_the_name_as_message(body: Any) -> None:
    assert entry(make_event(body=body, name="named"))["message"] == "named"
    assert entry(make_event(body=body, name=""))["message"] == "-"


def test_what_datadog_reserves_is_renamed_and_counted() -> None:
    encoder = Encoder("beacon", DEFAULTS)
    event = make_event(attributes={"service": "posing", "ok": 1}, resource={"service.name": "real", "ddtags": "x:y"})
    value = json.loads(encoder.encode(event))
    assert (value["service"], value["_RESERVED_service"], value["_RESERVED_ddtags"]) == ("real", "posing", "x:y")
    assert encoder.renamed == 2


def test_defaults_stand_in_where_the_resource_does_not_say() -> None:
    value = json.loads(Encoder("src", Origin("svc", "box", ())).encode(make_event(resource={})))
    assert (value["service"], value["hostname"], value["ddsource"], "ddtags" in value) == ("svc", "box", "src", False)


def test_an_event_of_another_resource_gets_none_of_the_one_before() -> None:
    encoder = Encoder("beacon", DEFAULTS)
    encoder.encode(make_event(resource={"service.name": "first", "a": 1}))
    second = json.loads(encoder.encode(make_event(resource={})))
    assert second["service"] == "fallback"
    assert "a" not in second


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_point_without_a_number_makes_no_series(value: float | None) -> None:
    assert series_body(metric("gauge", value=value)) == b"\n"


def test_a_gap_marker_makes_no_series() -> None:
    assert series_body(metric("sum", value=1.0, flags=1)) == b"\n"
