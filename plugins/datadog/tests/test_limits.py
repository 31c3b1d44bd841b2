"""Limits: the bytes that go out are measured; too much at once is told to the core, too long is cut and marked."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from beacon_core import Batch, BatchTooLargeError, Event, Metric, Span, SpanEvent
from beacon_core.testing import make_batch, make_event
from beacon_datadog.encoding import MAX_ENTRY, SHORTEST_CUT, Encoder, Origin
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer, answer

Start = Callable[..., DatadogExporter]
KEY = "FAKE" * 8


def cut(**members: Any) -> tuple[dict[str, Any], int]:
    """Return the entry of an event, and its size."""
    encoder = Encoder("beacon", Origin("fallback", None, ()))
    encoded = encoder.encode(make_event(**members))
    assert encoder.truncated == 1
    entry = json.loads(encoded)
    assert entry["beacon.truncated"] is True
    assert entry["beacon_id"] == "test-0"
    assert len(encoded) <= MAX_ENTRY
    return entry, len(encoded)


def point(number: int, tag: str = "") -> Event:
    metric = Metric(kind="gauge", value=1)
    return make_event(number, signal="metric", body=None, attributes={"tag": tag}, metric=metric)


# ---- requests ----


def test_more_than_1000_entries_are_not_sent_together(intake: DatadogServer, start: Start) -> None:
    exporter = start()
    with pytest.raises(BatchTooLargeError, match="1000 entries"):
        exporter.export(make_batch(1001))
    assert intake.requests == []
    exporter.export(make_batch(1000))


def test_more_than_4_million_bytes_as_they_go_out_are_not_sent_together(intake: DatadogServer, start: Start) -> None:
    exporter = start()
    with pytest.raises(BatchTooLargeError, match="4000000 bytes"):
        exporter.export(make_batch(5, body='"' * 420_000))  # escaped it is twice as long
    assert intake.requests == []
    exporter.export(make_batch(4, body='"' * 420_000))


def test_the_size_is_that_of_the_whole_body_with_brackets_and_commas(intake: DatadogServer, start: Start) -> None:
    exporter = start()

    def measured(*sizes: int) -> int:
        exporter.export(Batch("b", tuple(make_event(n, body="x" * size) for n, size in enumerate(sizes))))
        return len(intake.requests[-1].body)

    rest = 4_000_000 - (measured(800_000, 800_000, 800_000, 800_000, 1) - 1)
    assert measured(800_000, 800_000, 800_000, 800_000, rest) == 4_000_000
    with pytest.raises(BatchTooLargeError):
        measured(800_000, 800_000, 800_000, 800_000, rest + 1)


@pytest.mark.parametrize("token", [False, True])
def test_after_a_413_no_body_of_that_size_is_made_any_more(intake: DatadogServer, start: Start, token: bool) -> None:
    intake.key = "pub" + KEY if token else KEY
    intake.limit = 300_000
    exporter = start()
    with pytest.raises(BatchTooLargeError, match="HTTP 413"):
        exporter.export(make_batch(8, body="x" * 50_000))
    with pytest.raises(BatchTooLargeError, match="for one request"):
        exporter.export(make_batch(7, body="x" * 50_000))
    assert len(intake.requests) == 1
    exporter.export(make_batch(4, body="x" * 50_000))


def test_413s_for_a_few_small_events_do_not_make_all_requests_tiny(intake: DatadogServer, start: Start) -> None:
    intake.turns = [answer(413)] * 3
    exporter = start()
    for _ in range(3):
        with pytest.raises(BatchTooLargeError, match="HTTP 413"):
            exporter.export(make_batch(2))
    exporter.export(make_batch(200))


def test_a_single_event_is_sent_whatever_the_limit(intake: DatadogServer, start: Start) -> None:
    intake.turns = [answer(413)]
    exporter = start()
    with pytest.raises(BatchTooLargeError):
        exporter.export(make_batch(2, body="x" * 50_000))
    exporter.export(make_batch(1, body="x" * 500_000))
    assert len(intake.requests) == 2


def test_a_413_for_a_single_event_lowers_nothing(intake: DatadogServer, start: Start) -> None:
    intake.turns = [answer(413)]
    exporter = start()
    with pytest.raises(BatchTooLargeError):
        exporter.export(make_batch(1, body="x" * 500_000))
    exporter.export(make_batch(2, body="x" * 500_000))


def test_a_413_of_one_intake_is_not_that_of_the_other(intake: DatadogServer, start: Start) -> None:
    intake.turns = [answer(413)]
    exporter = start()
    with pytest.raises(BatchTooLargeError):
        exporter.export(Batch("b", (point(0), point(1))))
    exporter.export(make_batch(2, body="x" * 500_000))


def test_more_compressed_metrics_than_datadog_takes_are_not_sent_together(intake: DatadogServer, start: Start) -> None:
    source = random.Random(1)
    batch = Batch("b", tuple(point(number, source.randbytes(2000).hex()) for number in range(500)))
    exporter = start()
    with pytest.raises(BatchTooLargeError, match="500000 compressed bytes"):
        exporter.export(batch)
    assert intake.requests == []
    exporter.export(Batch("b", batch.events[:200]))


# ---- entries ----


@pytest.mark.parametrize("filler", ["x", '"', "\\", "\x00", "ü", "\U0001f600"])
def test_a_long_message_is_cut_to_what_fits_and_says_so(filler: str) -> None:
    entry, size = cut(body=filler * 1_000_000)
    assert size > MAX_ENTRY - 10
    assert set(entry["message"]) == {filler}


def test_a_message_below_the_limit_is_sent_as_it_is() -> None:
    encoder = Encoder("beacon", Origin(None, None, ()))
    assert "beacon.truncated" not in json.loads(encoder.encode(make_event(body="x" * 940_000)))
    assert encoder.truncated == 0


def test_long_attributes_are_cut_and_a_short_message_stays() -> None:
    attributes = {"long": "x" * 800_000, "list": ["y" * 1_000_000], "n": 1}
    entry, _ = cut(body="short", attributes=attributes)
    assert (entry["message"], entry["n"], "list" in entry) == ("short", 1, False)
    assert entry["long"] == attributes["long"]


def test_of_two_long_texts_each_keeps_as_much() -> None:
    entry, size = cut(body="x" * 900_000, attributes={"other": "y" * 700_000, "short": "z" * 300})
    assert abs(len(entry["message"]) - len(entry["other"])) < 10
    assert entry["short"] == "z" * 300
    assert size > MAX_ENTRY - 10


@pytest.mark.parametrize("name", ["service.name", "host.name", "service.version"])
def test_what_becomes_a_reserved_attribute_is_cut_like_everything_else(name: str) -> None:
    entry, _ = cut(resource={name: "x" * 2_000_000})
    assert entry["message"] == "event 0"


def test_a_span_with_too_many_events_is_still_a_log() -> None:
    happened = [SpanEvent(name="e" * 1000)] * 1000
    entry, _ = cut(signal="span", body=None, name="call", span=Span(events=happened, status_code="error"))
    assert (entry["message"], entry["status"], "otel.span" in entry) == ("call", "error", False)


def test_of_too_many_short_attributes_the_last_ones_are_left_out() -> None:
    attributes = {f"attribute.{number}": "x" * 20 for number in range(50_000)}
    entry, _ = cut(body="y" * (SHORTEST_CUT - 20), attributes=attributes)
    assert entry["message"] == "y" * (SHORTEST_CUT - 20)
    assert entry["service"] == "test"
    assert "attribute.0" in entry
    assert "attribute.49999" not in entry


def test_datadog_never_has_to_cut(intake: DatadogServer, start: Start) -> None:
    start().export(Batch("b", (make_event(0, body="x" * 5_000_000), make_event(1))))
    assert intake.ids == ["test-0", "test-1"]  # the strict server would have noted a fault
