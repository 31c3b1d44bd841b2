"""Metadata from options, attributes and templates; names of fields; metrics with an index of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_core import Event, Metric, Span
from beacon_core.testing import make_event
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.encoding import Body, Encoder
from beacon_splunk.layout import layout_of

RESOURCE = {"service.name": "claude-code", "team": "core"}


def config(**options: Any) -> SplunkHecConfig:
    return SplunkHecConfig.model_validate({"endpoint": "https://s:8088", "token": "made-up"} | options)


def encode(event: Event, **options: Any) -> list[dict[str, Any]]:
    body = Body()
    assert body.add(event.id, *Encoder(layout_of(config(**options))).encode(event), largest=5_000_000)
    return [json.loads(line) for line in body.text.splitlines()]


def log(**attributes: Any) -> Event:
    return make_event(attributes=attributes, resource=RESOURCE)


@pytest.mark.parametrize(
    ("pattern", "attributes", "value"),
    [
        ("{{ service.name }}", {}, "claude-code"),
        ("{{service.name}}", {}, "claude-code"),
        ("agents:{{ service.name }}/{{ team }}", {}, "agents:claude-code/core"),
        ("{{ team }}", {"team": "mine"}, "mine"),  # the event's own first
        ("{{ count }}", {"count": 3}, "3"),
        ("{{ good }}", {"good": True}, "true"),
        ("{{ a name }}", {"a name": "x"}, "x"),
        ("x{{ missing }}", {}, None),
        ("x{{ blank }}", {"blank": "  "}, None),
        ("x{{ none }}", {"none": None}, None),
        ("x{{ list }}", {"list": ["x"]}, None),
        ("x{{ map }}", {"map": {"x": "y"}}, None),
    ],
)
@pytest.mark.parametrize("member", ["host", "source", "sourcetype", "index"])
def test_an_option_may_be_a_template(member: str, pattern: str, attributes: dict[str, Any], value: str | None) -> None:
    (found,) = encode(log(**attributes), **{member: pattern})
    assert found.get(member) == value


def test_a_template_is_filled_from_spans_and_metric_points_too() -> None:
    span = make_event(signal="span", attributes={"a": "x"}, span=Span(kind="client"))
    point = make_event(signal="metric", attributes={"a": "x"}, metric=Metric(kind="gauge", value=1))
    assert [encode(event, source="{{ a }}")[0]["source"] for event in (span, point)] == ["x", "x"]


def test_an_attribute_that_is_metadata_wins_over_a_template() -> None:
    found = encode(log(**{"com.splunk.index": "said", "a": "x"}), index="{{ a }}")[0]
    assert found["index"] == "said"
    assert "com.splunk.index" not in found["fields"]
    assert found["fields"]["a"] == "x"  # what a template uses stays a field


def test_a_template_of_one_event_is_not_the_next_ones() -> None:
    encoder = Encoder(layout_of(config(index="{{ a }}")))
    indexes = [encoder.encode(log(**attributes))[0] for attributes in ({"a": "x"}, {}, {"a": "y"})]
    assert indexes == ["x", None, "y"]


@pytest.mark.parametrize("pattern", ["{{", "}}", "{{ }}", "{{}}", "{{ a", "a }}", "{{ {{ a }} }}", ""])
def test_p10_a_template_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        config(index=pattern)


def test_single_braces_are_text() -> None:
    assert encode(log(), source="{x}")[0]["source"] == "{x}"


def test_the_attributes_that_give_metadata_can_have_other_names() -> None:
    names = {"index": "my.index", "host": "my.host"}
    event = log(**{"my.index": "a", "my.host": "b", "host.name": "c", "com.splunk.index": "d"})
    (found,) = encode(event, otel_attrs_to_hec_metadata=names)
    assert (found["index"], found["host"]) == ("a", "b")
    assert found["fields"].items() >= {"host.name": "c", "com.splunk.index": "d"}.items()


def test_the_fields_of_a_log_can_have_other_names() -> None:
    event = make_event(name="n", severity_text="WARN", severity_number=13)
    names = {"severity_text": "severity", "severity_number": "level", "name": "event_name"}
    (found,) = encode(event, otel_to_hec_fields=names)
    assert found["fields"].items() >= {"severity": "WARN", "level": "13", "event_name": "n"}.items()
    assert not [name for name in found["fields"] if name.startswith("otel.")]


@pytest.mark.parametrize("name", ["host", "_private", "metric_name:x", ""])
def test_p10_a_field_name_that_splunk_keeps_for_itself_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        config(otel_to_hec_fields={"name": name})


def test_metric_points_have_metadata_of_their_own() -> None:
    options = {"index": "events", "source": "ci", "metrics": {"index": "{{ team }}_metrics", "sourcetype": "metric"}}
    point = make_event(signal="metric", resource=RESOURCE, metric=Metric(kind="gauge", value=1))
    (found,) = encode(point, **options)
    assert (found["index"], found["source"], found["sourcetype"]) == ("core_metrics", "ci", "metric")
    (found,) = encode(log(), **options)
    assert (found["index"], found["source"], found.get("sourcetype")) == ("events", "ci", None)


def test_several_measurements_of_a_point_share_an_object_unless_that_is_switched_off() -> None:
    point = make_event(signal="metric", name="m", metric=Metric(kind="histogram", count=2, sum=3.0))
    (multi,) = encode(point)
    assert {name for name in multi["fields"] if name.startswith("metric_name")} == {
        "metric_name:m_count",
        "metric_name:m_sum",
    }
    single = encode(point, use_multi_metric_format=False)
    assert [[name for name in each["fields"] if name.startswith("metric_name")] for each in single] == [
        ["metric_name:m_count"],
        ["metric_name:m_sum"],
    ]
    assert [each["fields"]["beacon_id"] for each in single] == ["test-0"] * 2
