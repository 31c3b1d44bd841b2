"""An event of every kind, for the golden files."""

from __future__ import annotations

from typing import Any

from beacon_core import Buckets, Event, Metric, Quantile, Span, SpanEvent
from beacon_core.testing import make_event

TIME = 1_795_145_112_904_000_007
START = TIME - 60_000_000_000


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
    "delta_exponential_histogram": metric(
        "exponential_histogram",
        count=7,
        sum=-6.5,
        min=-5.0,
        temporality="delta",
        scale=0,
        zero_count=2,
        positive=Buckets(offset=1, counts=[2, 0, 1]),
        negative=Buckets(offset=1, counts=[1, 1]),
    ),
    "summary": metric("summary", count=2, sum=3.0, quantiles=[Quantile(quantile=0.5, value=1.5)]),
}
