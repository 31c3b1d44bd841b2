"""Wire bodies: golden files for every kind of event, reserved names, levels, limits."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Event
from beacon_core.testing import make_event
from beacon_datadog.encoding import Encoder, Origin, origin
from beacon_datadog.series import encode_series
from plugins.datadog.tests.samples import LOGS, METRICS, metric

GOLDEN = Path(__file__).parent / "golden"
DEFAULTS = Origin("fallback", None, ("team:ci",))


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


@pytest.mark.parametrize("name", [name for name in METRICS if name != "delta_exponential_histogram"])
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
