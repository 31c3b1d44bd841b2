"""What stands in a batch is found alike with native code and without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core.event import Event, Exemplar, Metric, Scope, Span, SpanEvent, SpanLink
from beacon_core.native import native
from beacon_core.processors.sanitize.collect import Found, Gathered, Looking
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import built_in_rules
from beacon_core.processors.sanitize.text import TextRedactor

LIMIT = 300
REDACTOR = TextRedactor(built_in_rules(), KnownValues(), 4)
LOOKING = Looking(REDACTOR, LIMIT)

SECRET = "Authorization: Bearer " + "k3Fh9" * 8
TEXTS = st.sampled_from(
    [
        "",
        "plain",
        "a.b",
        SECRET,
        "curl -u me:pass https://x.example",
        "/home/me/x",
        "é" * 9,
        "日本 token",
        "🙂 sk-",
        "-p",
    ]
) | st.sampled_from(["x" * (LIMIT + 1), "password=hunter2", "Ab" * 12, "eyJ" + "aB3" * 20, "--token", "%41", "\\u0041"])
NAMES = st.sampled_from(
    ["a", "b", "model", "password", "value", "beacon.redacted", "api_key", "input_tokens", "key", SECRET, "n" * 400]
)
NUMBERS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.binary(max_size=9) | TEXTS.map(str.encode),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=5)
SPANS = st.builds(
    lambda text, attributes: Span(
        trace_state=text,
        status_message=text,
        events=[SpanEvent(name=text, attributes=attributes)],
        links=[SpanLink(attributes=attributes)],
    ),
    TEXTS,
    ATTRIBUTES,
)
METRICS = st.builds(
    lambda text, attributes: Metric(kind="sum", unit=text, exemplars=[Exemplar(attributes=attributes)]),
    TEXTS,
    ATTRIBUTES,
)
SCOPES = st.builds(lambda text, attributes: Scope(name=text, attributes=attributes), TEXTS, ATTRIBUTES)


@st.composite
def batches(draw: st.DrawFn) -> Sequence[Event]:
    """Make events that have much in common, as those of one session have."""
    attributes = draw(st.lists(ATTRIBUTES, min_size=1, max_size=3))
    resources = draw(st.lists(ATTRIBUTES, min_size=1, max_size=2))
    scopes = draw(st.lists(st.none() | SCOPES, min_size=1, max_size=2))
    events = st.builds(
        Event,
        id=st.just("i"),
        signal=st.just("log"),
        name=TEXTS,
        time_unix_nano=st.just(1),
        severity_text=TEXTS,
        body=VALUES,
        attributes=st.sampled_from(attributes).flatmap(lambda each: ATTRIBUTES.map(lambda own: {**each, **own})),
        resource=st.sampled_from(resources),
        scope=st.sampled_from(scopes),
        span=st.none() | SPANS,
        metric=st.none() | METRICS,
    )
    return draw(st.lists(events, min_size=1, max_size=5))


def changing(found: Found) -> dict[str, Any]:
    """Return the texts that change, and what of: names of which nothing is to be done need not be found."""
    changed = REDACTOR.redact_found(found.hits)
    hits = {each.text: each for each in found.hits if each.text in changed}
    return {text: (sorted(each.places), sorted(each.keywords), each.run) for text, each in hits.items()}


def content(found: Found) -> dict[str, Any]:
    """Return what was found, in an order that does not depend on how."""
    return {
        "changes": changing(found),
        "texts": sorted(found.texts),
        "longest": max(found.longest, LIMIT),  # names that are no longer need not count
        "places": sorted(found.places),
        "heads": sorted(found.heads),
        "walks": sorted(found.walks),
        "shared": sorted(found.shared),
    }


@pytest.mark.skipif(native("gather") is None, reason="beacon-native is not installed")
@settings(deadline=None, database=None, max_examples=100)
@given(events=batches())
def test_a_batch_is_looked_through_alike_with_native_code_and_without(events: Sequence[Event]) -> None:
    found = LOOKING.look(tuple(events))
    other = Gathered(REDACTOR.search, LOOKING._is_plain, LIMIT)
    other.events(events)
    assert content(found) == content(other)


@pytest.mark.skipif(native("gather") is None, reason="beacon-native is not installed")
@settings(deadline=None, database=None, max_examples=100)
@given(events=batches(), size=st.integers(100, 20_000), growth=st.floats(1, 8))
def test_every_event_that_may_be_too_large_is_said_to_be_heavy(
    events: Sequence[Event], size: int, growth: float
) -> None:
    import msgspec

    from beacon_core.processors.sanitize.limits import size as size_of

    found = LOOKING.look(tuple(events))
    light = set(range(len(events))) - set(found.heavy(size, growth))
    for place in light:
        event = events[place]
        grown = {name: text * int(growth) if isinstance(text, str) else text for name, text in event.attributes.items()}
        assert size_of(msgspec.structs.replace(event, attributes=grown)) <= size
