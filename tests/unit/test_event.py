"""Events, batches, their encodings, and time."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core import (
    Batch,
    Buckets,
    Event,
    Exemplar,
    Metric,
    Quantile,
    Scope,
    Span,
    SpanEvent,
    SpanLink,
    content_id,
    decode_batch,
    decode_line,
    encode_batch,
    encode_lines,
)
from beacon_core.event import parse_rfc3339, rfc3339
from beacon_core.testing import make_batch, make_event

TIMES = st.integers(min_value=1, max_value=2**62)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(st.text(), VALUES, max_size=4)
SCOPES = st.none() | st.builds(Scope, name=st.text(), version=st.text(), attributes=ATTRIBUTES)

FULL = make_event(
    observed_time_unix_nano=5,
    severity_text="WARN",
    severity_number=13,
    body={"text": ["a", 1, None, True, 2.5]},
    scope=Scope(name="scope", version="1", attributes={"a": 1}, schema_url="https://example.org"),
    trace_id="0" * 31 + "1",
    span_id="0" * 15 + "2",
    flags=257,
    metric=Metric(
        kind="exponential_histogram",
        unit="ms",
        temporality="delta",
        count=3,
        sum=1.5,
        positive=Buckets(offset=1, counts=[1, 2]),
        quantiles=[Quantile(quantile=0.5, value=1.0)],
        exemplars=[Exemplar(value=1, time_unix_nano=7)],
    ),
    span=Span(
        kind="client",
        end_time_unix_nano=9,
        status_code="error",
        events=[SpanEvent(name="exception", attributes={"a": "b"})],
        links=[SpanLink(trace_id="1" * 32, span_id="2" * 16)],
    ),
)


def test_a_batch_is_iterable_and_has_a_length() -> None:
    batch = make_batch(3)
    assert len(batch) == 3
    assert [event.id for event in batch] == ["test-0", "test-1", "test-2"]
    assert len(batch.with_events(list(batch)[:1])) == 1


def test_events_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        make_event().name = "other"  # type: ignore[misc]


@given(st.lists(st.tuples(st.text(), TIMES, ATTRIBUTES, ATTRIBUTES, SCOPES, VALUES), max_size=5))
def test_the_queues_encoding_gives_back_the_same_batch(members: list[tuple[object, ...]]) -> None:
    names = ("name", "time_unix_nano", "attributes", "resource", "scope", "body")
    events = tuple(make_event(n, **dict(zip(names, m, strict=True))) for n, m in enumerate(members))
    assert decode_batch(encode_batch(Batch("b", events))) == Batch("b", events)


def test_the_queues_encoding_keeps_every_member() -> None:
    assert decode_batch(encode_batch(Batch("b", (FULL,)))).events == (FULL,)


def test_events_that_share_a_resource_share_it_after_decoding_and_in_the_encoding() -> None:
    resource = {"service.name": "s" * 500}
    events = tuple(make_event(n, resource=resource) for n in range(10))
    encoded = encode_batch(Batch("b", events))
    assert encoded.count(b"s" * 500) == 1
    decoded = decode_batch(encoded).events
    assert all(event.resource is decoded[0].resource for event in decoded)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93", encode_batch(make_batch(2))[:-3]])
def test_damaged_bytes_are_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_batch(data)


def test_a_line_has_the_documented_members_in_their_order_and_none_without_a_value() -> None:
    line = json.loads(encode_lines([make_event(body=None)]))
    assert list(line) == ["id", "signal", "name", "time", "time_unix_nano", "attributes", "resource"]
    assert line["time"] == "2026-11-20T03:25:12.904Z"


def test_a_line_can_be_read_back() -> None:
    lines = encode_lines(Batch("b", (FULL, make_event(1)))).splitlines()
    assert [decode_line(line) for line in lines] == [FULL, make_event(1)]


def test_every_line_is_json_without_line_breaks_whatever_the_text_holds() -> None:
    lines = encode_lines([make_event(body="a\nb\r\n\u2028c\x00")]).decode()
    assert lines.count("\n") == 1
    assert json.loads(lines)["body"] == "a\nb\r\n\u2028c\x00"


def test_a_content_id_depends_on_every_part_and_on_where_parts_end() -> None:
    ids = {content_id(b"ab", b"c"), content_id(b"a", b"bc"), content_id(b"abc"), content_id(b"abc", b"")}
    assert len(ids) == 4
    assert all(len(i) == 32 and int(i, 16) >= 0 for i in ids)


@given(st.integers(min_value=0, max_value=2**62))
def test_time_as_text_can_be_read_back(time: int) -> None:
    assert parse_rfc3339(rfc3339(time)) == time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:01+01:00", 1_000_000_000),
        ("1970-01-01 00:00:00.5", 500_000_000),
        ("1970-01-01T00:00:00.1234567891Z", 123_456_789),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("yesterday", None),
        ("2026-13-01T00:00:00Z", None),
    ],
)
def test_times_of_others_are_read(text: str, expected: int | None) -> None:
    assert parse_rfc3339(text) == expected


def test_importing_beacon_core_loads_nothing_else() -> None:
    program = (
        "import sys; import beacon_core; heavy = {'msgspec', 'pydantic', 'yaml', 'stevedore', 'asyncio', 'sqlite3'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules); assert 'Event' in dir(beacon_core)\n"
        "assert beacon_core.Event(id='a', signal='log', name='', time_unix_nano=1)\n"
        "try: beacon_core.Nothing\nexcept AttributeError as e: assert 'Nothing' in str(e)\nelse: raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_event_needs_its_id_signal_name_and_time() -> None:
    with pytest.raises(TypeError):
        Event(id="a", signal="log", name="n")  # type: ignore[call-arg]
