"""An event of every kind, for the golden files."""

from __future__ import annotations

from typing import Any

from beacon_core import Buckets, Event, Metric, Quantile, Span, SpanEvent, SpanLink
from beacon_core.testing import make_event

TIME = 1_795_145_112_904_000_007


def metric(kind: Any, **members: Any) -> Event:
    return make_event(
        signal="metric",
        name="claude_code.cost.usage",
        time_unix_nano=TIME,
        body=None,
        attributes={"model": "opus", "cached": True},
        resource={"service.name": "claude-code", "host.name": "ci-1"},
        metric=Metric(kind=kind, **members),
    )


EVENTS = {
    "log": make_event(
        time_unix_nano=TIME,
        name="tool_result",
        body="tool finished",
        severity_text="WARN",
        severity_number=13,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        attributes={
            "success": True,
            "count": 13,
            "cost": 0.25,
            "nothing": None,
            "nested": {"a": {"b": "deep"}, "list": [1, None, "x"]},
            "mixed": [{"k": 1}, 2],
            "empty": [],
            "raw": b"\x00\x01",
            "host": "reserved",
            "_private": "x",
            "metric_name:forged": 1,
            "trace_id": "the source's own",
        },
        resource={
            "service.name": "claude-code",
            "host.name": "ci-1",
            "com.splunk.source": "github",
            "com.splunk.sourcetype": "agents",
            "com.splunk.index": "main",
            "com.splunk.hec.access_token": "never-shown",
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
            events=[SpanEvent(name="retry", time_unix_nano=TIME + 1, attributes={"n": 1})],
            links=[SpanLink(trace_id="1" * 32, span_id="2" * 16)],
        ),
    ),
    "gauge": metric("gauge", value=1e22),
    "sum": metric("sum", value=0.000012, temporality="delta", monotonic=True),
    "histogram": metric(
        "histogram", count=6, sum=21.5, temporality="cumulative", bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 5.0]
    ),
    "exponential_histogram": metric(
        "exponential_histogram", count=3, sum=6.0, min=1.0, max=3.0, scale=2, positive=Buckets(counts=[3])
    ),
    "summary": metric("summary", count=2, sum=3.0, quantiles=[Quantile(quantile=0.5, value=1.5)]),
}
