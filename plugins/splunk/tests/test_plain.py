"""Logs that `beacon-native` writes: the same bytes as those of the encoder, for anything that an event may hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core import Batch, Event, Host, json_form
from beacon_core.testing import make_event
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.encoding import Body, Encoder, Record
from beacon_splunk.exporter import SplunkHecExporter
from beacon_splunk.layout import layout_of
from plugins.splunk.tests.samples import EVENTS

pytestmark = pytest.mark.skipif(json_form([], str, ()) is None, reason="beacon-native is not installed")

Bodies = list[tuple[bytes, list[Record]]]
LARGEST = 5_000_000


def configured(**options: Any) -> SplunkHecConfig:
    return SplunkHecConfig.model_validate({"endpoint": "https://splunk.example:8088", "token": "made-up"} | options)


def one_by_one(events: list[Event], **options: Any) -> Bodies:
    """Return the bodies that the encoder makes of events, each by itself."""
    bodies: dict[str | None, Body] = {}
    for event in events:
        index, objects = Encoder(layout_of(configured(**options))).encode(event)
        bodies.setdefault(index, Body()).add(event.id, index, objects, LARGEST)
    return [(bytes(body.text), body.records) for body in bodies.values()]


_exporters: dict[str, SplunkHecExporter] = {}  # to start one takes time


def exported(events: list[Event], **options: Any) -> Bodies:
    """Return the bodies that the exporter makes of events."""
    exporter = _exporters.get(repr(options))
    if exporter is None:
        exporter = _exporters[repr(options)] = SplunkHecExporter(configured(max_event_size=LARGEST, **options))
        exporter.start(Host("splunk_hec"))
    bodies, _ = exporter._encode(Batch("b", tuple(events)))
    return [(bytes(body.text), body.records) for body in bodies]


@pytest.fixture(autouse=True, scope="module")
def stopped() -> Iterator[None]:
    yield
    for exporter in _exporters.values():
        exporter.shutdown(1)


def plain(event: Event, **options: Any) -> bytes:
    """Return what `beacon-native` writes of an event, empty if it leaves it to the encoder."""
    body = Body()
    way = Encoder(layout_of(configured(**options))).plain(event)
    if way is not None:
        body.add_plain(way, (event,), 0, LARGEST)
    return bytes(body.text)


# ---- whatever an event holds ----

TEXTS = st.text(st.characters(exclude_categories=("Cs",))) | st.sampled_from(
    ["", " ", "\x00\x1f\x7f", '"\\/', "\u2028é😀"]
)
NAMES = (
    TEXTS
    | st.sampled_from(["a", "a.b", "a.b.c", "b", "r", "host", "attr.host", "_x", "attr._x", "metric_name", "host.name"])
    | st.sampled_from(
        ["com.splunk.index", "beacon_id", "trace_id", "span_id", "otel.log.name", "otel.log.severity.text"]
    )
)
NUMBERS = st.integers() | st.integers(-(2**63) - 2, 2**63 + 2) | st.floats() | st.booleans()
SIMPLE = TEXTS | NUMBERS | st.none() | st.binary(max_size=8)
VALUES = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=6)
RESOURCES = st.sampled_from(
    [
        {},
        {"r": "s", "n": 1},
        {"r": ["x"], "host.name": "box"},
        {"trace_id": "taken"},
        {"com.splunk.index": "i", "a": {"b": 1}},
    ]
)
LOGS = st.builds(
    make_event,
    st.integers(0, 5),
    body=VALUES,
    name=TEXTS,
    attributes=ATTRIBUTES,
    resource=RESOURCES,
    time_unix_nano=st.integers(1, 2**63 - 1) | st.integers(1, 10**10),
    severity_text=st.sampled_from(["", "INFO", '"']),
    severity_number=st.integers(0, 24),
    trace_id=st.sampled_from(["", "0af7651916cd43dd8448eb211c80319c"]),
    span_id=st.sampled_from(["", "b7ad6b7169203331"]),
)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"host": "h", "index": "main", "sourcetype": "s", "otel_to_hec_fields": {"severity_text": "a", "name": "b"}},
    {"otel_to_hec_fields": {"severity_text": "same", "name": "same"}},
    {"source": "ci:{{ a }}"},
]


@pytest.mark.parametrize("options", OPTIONS)
@settings(max_examples=200, deadline=None)
@given(events=st.lists(LOGS | st.sampled_from(list(EVENTS.values())), min_size=1, max_size=6))
def test_every_event_has_the_bytes_that_the_encoder_gives_it(options: dict[str, Any], events: list[Event]) -> None:
    assert exported(events, **options) == one_by_one(events, **options)


@given(text=st.text(max_size=40))
@settings(deadline=None)
def test_a_text_that_is_written_is_what_json_makes_of_it(text: str) -> None:
    event = make_event(attributes={"a": text, text: "b"})
    try:
        [(expected, _)] = one_by_one([event])
    except UnicodeEncodeError:
        assert plain(event) == b""
    else:
        assert plain(event) in {b"", expected}


def test_a_text_that_utf_8_cannot_say_fails_as_it_does_in_the_encoder() -> None:
    for event in (
        make_event(attributes={"a": "\ud800"}),
        make_event(attributes={"\udfff": 1}),
        make_event(body="\ud800"),
    ):
        with pytest.raises(UnicodeEncodeError):
            exported([make_event(), event])


# ---- which way an event takes ----


@pytest.mark.parametrize(
    "value",
    [
        *("text", "", 'quoted "\n', 0, -1, 2**63 - 1, -(2**63), 1.5, math.nan, -math.inf, 1e300, True, None),
        *(["a", "b"], [], {}, {"a": 1, "b": {"c": None, "d": "e"}}),
    ],
)
def test_an_ordinary_log_is_plain(value: Any) -> None:
    event = make_event(attributes={"first": value, "source": "renamed", "last": "x"}, body="b", severity_text="INFO")
    assert [(plain(event), event.id)] == [(text, records[0].event_id) for text, records in one_by_one([event])]


@pytest.mark.parametrize(
    "attributes", [{"com.splunk.index": "i"}, {"a": b"x"}, {"a": 2**63}, {"trace_id": "x"}, {"r": "s"}]
)
def test_an_unusual_log_is_left_to_the_encoder(attributes: dict[str, Any]) -> None:
    assert plain(make_event(attributes=attributes, resource={"r": "s"})) == b""


@pytest.mark.parametrize("name", ["span", "gauge"])
def test_what_is_no_log_is_left_to_the_encoder(name: str) -> None:
    assert plain(EVENTS[name]) == b""


def test_an_event_with_a_name_twice_is_left_to_the_encoder_and_the_others_are_not() -> None:
    twice = {"a": {"b": "member"}, "a.b": "attribute"}
    events = [make_event(n, attributes=twice if n == 2 else {"a.b": n}, resource={}) for n in range(4)]
    way, body = Encoder(layout_of(configured())).plain(events[0]), Body()
    assert way is not None
    resource = events[0].resource
    events = [make_event(n, attributes=event.attributes, resource=resource) for n, event in enumerate(events)]
    assert body.add_plain(way, tuple(events), 0, LARGEST) == 2
    assert body.add_plain(way, tuple(events), 2, LARGEST) == 0
    assert body.add_plain(way, tuple(events), 3, LARGEST) == 1
    assert len(body.text.splitlines()) == len(body.records) == 3


def test_an_event_that_is_too_large_leaves_no_trace_in_a_body_of_plain_ones() -> None:
    events = tuple(make_event(n, body="x" * (1000 if n == 1 else 1)) for n in range(3))
    way, body = Encoder(layout_of(configured())).plain(events[0]), Body()
    assert way is not None
    assert body.add_plain(way, events, 0, 500) == 1
    assert len(body.text.splitlines()) == 1
    assert not body.text.endswith(b"\n")
