"""Events that exercise a component: each signal, each kind of metric, each kind of value an attribute can have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from beacon_core.event import (
    Attributes,
    AttributeValue,
    Batch,
    Buckets,
    Event,
    Exemplar,
    Metric,
    Quantile,
    Scope,
    Signal,
    Span,
    SpanEvent,
    SpanLink,
)
from beacon_core.testing.doubles import make_event

SIGNALS: Final[tuple[Signal, ...]] = ("log", "metric", "span")

_TIME: Final = 1_795_145_112_904_000_000
_TRACE_ID: Final = "5b8efff798038103d269b633813fc60c"
_SPAN_ID: Final = "eee19b7ec3c1b174"


def _nested(depth: int) -> AttributeValue:
    value: AttributeValue = "innermost"
    for level in range(depth):
        value = {"deeper": value} if level % 2 else [value]
    return value


#: Values that an attribute, a resource or a body can have, by what is special about each.
#: Integers go as far as the queue's encoding does (MessagePack); receivers make text of larger ones.
SAMPLE_VALUES: Final[dict[str, AttributeValue]] = {
    "text": "plain text",
    "empty text": "",
    "blank text": " \t ",
    "long text": "abc " * 2_000,
    "text with line breaks": "one\ntwo\r\nthree\rfour",
    "text with line separators": "one\u2028two\u2029three\x85four\x0cfive",
    "text beyond ASCII": "snowman \u2603, rocket \U0001f680, e\u0301, \u202eright to left",
    "text with control characters": "\x00 \x1b[31m \x7f",
    "text like markup": '{"a": "<b>&amp;\\"\'',
    "true": True,
    "false": False,
    "zero": 0,
    "largest signed integer": 2**63 - 1,
    "smallest signed integer": -(2**63),
    "largest unsigned integer": 2**64 - 1,
    "fraction": 0.1,
    "largest fraction": 1.7976931348623157e308,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "negative infinity": float("-inf"),
    "bytes": b"\x00\xff\xfe not text",
    "empty bytes": b"",
    "nothing": None,
    "list": ["a", 1, 2.5, True, None],
    "empty list": [],
    "list of maps": [{"a": 1}, {"b": [2, {"c": None}]}],
    "map": {"a": {"b": {"c": "d"}}, "with.dot": 1, "": "empty key"},
    "empty map": {},
    "map with numbers that are none": {"nan": float("nan"), "in a list": [float("inf")]},
    "deeply nested": _nested(40),
}

_METRICS: Final[tuple[Metric, ...]] = (
    Metric(kind="gauge", unit="By", value=1.5),
    Metric(kind="sum", unit="{token}", temporality="delta", monotonic=True, start_time_unix_nano=_TIME - 1, value=7),
    Metric(
        kind="histogram",
        temporality="cumulative",
        count=3,
        sum=6.5,
        min=0.5,
        max=5.0,
        bucket_counts=[1, 1, 1],
        explicit_bounds=[1.0, 2.0],
        exemplars=[Exemplar(time_unix_nano=_TIME, value=0.5, trace_id=_TRACE_ID, span_id=_SPAN_ID)],
    ),
    Metric(
        kind="exponential_histogram",
        temporality="delta",
        count=3,
        sum=6.5,
        scale=1,
        zero_count=1,
        positive=Buckets(offset=1, counts=[1, 1]),
    ),
    Metric(kind="summary", count=2, sum=3.0, quantiles=[Quantile(quantile=0.5, value=1.0)]),
)


def _span(attributes: Attributes) -> Span:
    return Span(
        parent_span_id="051581bf3cb55c13",
        kind="client",
        end_time_unix_nano=_TIME + 1_000_000,
        status_code="error",
        status_message="it broke",
        events=[SpanEvent(name="exception", time_unix_nano=_TIME, attributes=attributes)],
        links=[SpanLink(trace_id=_TRACE_ID, span_id=_SPAN_ID, attributes=attributes)],
    )


def make_sample(signal: Signal, number: int = 0, *, value: AttributeValue = "plain text", **changes: Any) -> Event:
    """Return an event of a signal with id `sample-<number>` and `value` wherever values can stand.

    Metrics take turns with `number`: gauge, sum, histogram, exponential histogram, summary. `changes` are members of
    `Event`.
    """
    attributes: Attributes = {"sample.value": value, "sample.nested": {"in a map": value, "in a list": [value]}}
    members: dict[str, Any] = {
        "id": f"sample-{number}",
        "signal": signal,
        "name": f"sample.{signal}",
        "attributes": attributes,
        "resource": {"service.name": "sample", "sample.value": value},
        "scope": Scope(name="sample", version="1", attributes={"sample.value": value}),
        "body": None,
    }
    if signal == "log":
        members |= {"body": value, "severity_text": "WARN", "severity_number": 13}
    elif signal == "metric":
        members["metric"] = _METRICS[number % len(_METRICS)]
    else:
        members |= {"span": _span(attributes), "trace_id": _TRACE_ID, "span_id": _SPAN_ID}
    return make_event(number, **members | changes)


def make_samples(
    signals: Iterable[Signal] = SIGNALS,
    count: int = 5,
    *,
    id: str = "sample",  # noqa: A002 - the member's name
    value: AttributeValue = "plain text",
    **changes: Any,
) -> Batch:
    """Return a batch of `count` events of each signal with ids `<id>-0`, `<id>-1` ...; see `make_sample`."""
    kinds = [(signal, number) for signal in signals for number in range(count)]
    return Batch(
        id,
        tuple(
            make_sample(signal, number, value=value, **{"id": f"{id}-{position}"} | changes)
            for position, (signal, number) in enumerate(kinds)
        ),
    )
