"""Wire bodies: golden files for every kind of event, and the rules that keep Splunk from losing them silently."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from beacon_core import AttributeValue, Event
from beacon_core.testing import make_event
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.encoding import Body, Encoder, hec_time
from beacon_splunk.layout import layout_of
from beacon_splunk.metrics import metric_name, number
from plugins.splunk.tests.samples import EVENTS, metric

GOLDEN = Path(__file__).parent / "golden"


def encoder(**options: Any) -> Encoder:
    required = {"endpoint": "https://splunk.example:8088", "token": "made-up"}
    return Encoder(layout_of(SplunkHecConfig.model_validate(required | options)))


def text(encoder: Encoder, event: Event) -> bytes:
    body = Body()
    assert body.add(event.id, *encoder.encode(event), largest=5_000_000)
    return bytes(body.text)


def encoded(encoder: Encoder, event: Event) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(encoder, event).splitlines()]


def objects(event: Event, **options: Any) -> list[dict[str, Any]]:
    return encoded(encoder(**options), event)


@pytest.mark.parametrize("name", EVENTS)
def test_wire_body_is_the_golden_one(name: str) -> None:
    body = text(encoder(host="configured", sourcetype="beacon"), EVENTS[name]) + b"\n"
    assert body.decode() == (GOLDEN / f"{name}.json").read_text()


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_433_188_255_500_000_000, "1433188255.500000000"),
        (1_752_480_000_000_000_000, "1752480000.000000000"),
        (1_795_145_112_904_000_007, "1795145112.904000007"),
        (1, "0.000000001"),
    ],
)
def test_time_is_decimal_text_with_every_nanosecond(nanoseconds: int, text: str) -> None:
    assert hec_time(nanoseconds) == text


@pytest.mark.parametrize("body", [None, "", "  \n", [], {}, b""])
def test_a_blank_body_becomes_the_name_or_a_dash(body: Any) -> None:
    assert objects(make_event(body=body, name="named"))[0]["event"] == "named"
    assert objects(make_event(body=body, name=""))[0]["event"] == "-"


@pytest.mark.parametrize("body", [0, False, 1.5, ["x"]])
def test_other_bodies_are_sent_as_they_are(body: Any) -> None:
    assert objects(make_event(body=body))[0]["event"] == body


def test_a_body_that_is_not_a_number_is_not_sent_as_null() -> None:
    assert objects(make_event(body=math.nan))[0]["event"] == "nan"


def test_an_event_that_is_too_large_leaves_no_trace_in_the_body() -> None:
    body, one = Body(), encoder()
    kept, large = make_event(1), make_event(2, body="x" * 1000)
    assert body.add(kept.id, *one.encode(kept), largest=1000)
    before = bytes(body.text)
    assert not body.add(large.id, *one.encode(large), largest=1000)
    assert (bytes(body.text), [record.event_id for record in body.records]) == (before, [kept.id])


def test_what_is_not_configured_is_left_out() -> None:
    assert list(objects(make_event())[0]) == ["time", "event", "fields"]


def test_p7_a_token_in_the_telemetry_is_neither_used_nor_shown() -> None:
    made = text(encoder(), EVENTS["log"])
    assert b"never-shown" not in made


def test_an_event_of_another_resource_gets_none_of_the_one_before() -> None:
    one = encoder(index="default")
    first, _ = one.encode(make_event(resource={"com.splunk.index": "other", "a": 1}, attributes={"b": 1}))
    second, (found,) = one.encode(make_event(resource={"c": 1}, attributes={}))
    assert (first, second) == ("other", "default")
    assert set(found["fields"]) == {"c", "beacon_id", "otel.log.name"}


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_point_without_a_number_makes_no_object(value: float | None) -> None:
    assert objects(metric("gauge", value=value)) == []


def test_a_gap_marker_makes_no_object() -> None:
    assert objects(metric("sum", value=1.0, flags=1)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, b"1"), (1.0, b"1.0"), (1e-05, b"0.00001"), (1e16, b"10000000000000000"), (-2.5e-7, b"-0.00000025")],
)
def test_numbers_have_no_exponent(value: float, text: bytes) -> None:
    assert bytes(number(value)) == text


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("claude_code.token.usage", "claude_code.token.usage"),
        ("http/requests count", "http_requests_count"),
        ("_hidden", "m_hidden"),
        ("2xx", "m2xx"),
        ("a.metric_name.b", "a.metric.name.b"),
    ],
)
def test_metric_names_are_ones_that_splunk_takes(name: str, clean: str) -> None:
    assert metric_name(name) == clean


@pytest.mark.parametrize(
    "value", ["text", 7, -1.5, True, None, b"\x00", [1, "a", None], [], {"a": 1, "b": {"c": "d"}}, {}]
)
def test_an_event_looks_the_same_whether_its_names_were_seen_before_or_not(value: AttributeValue) -> None:
    event = make_event(
        attributes={"first": "x", "same": value, "last": 1}, resource={"same": "the resource's", "r": "s"}
    )
    used = encoder(host="h")
    used.encode(make_event(attributes={"first": "a", "same": "b", "last": "c"}, resource=event.resource))
    assert encoded(used, event) == encoded(encoder(host="h"), event)


def test_of_a_member_and_an_attribute_with_one_name_the_later_counts_seen_before_or_not() -> None:
    event = make_event(attributes={"a": {"b": "member"}, "a.b": "attribute", "yes": True})
    one = encoder()
    first, second = (encoded(one, event)[0]["fields"] for _ in range(2))
    assert first == second
    assert (first["a.b"], first["yes"]) == ("attribute", "true")
