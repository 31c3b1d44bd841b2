"""Whatever is in a file: nothing stops the reading, and every JSON object comes out once, in order."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core import Counters, Host, decode_batch, encode_batch, encode_lines
from beacon_core.receivers.lines import FileInputConfig, FileInputReceiver
from beacon_core.testing import ListConsumer

KNOWN = ["time", "timestamp", "time_unix_nano", "level", "severity_number", "body", "msg", "message", "name", "id"]
NAMES = st.sampled_from([*KNOWN, "signal", "resource", "attributes", "trace_id", "span_id", "a", "b.c"]) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
FRAGMENTS = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\ud83d", b"\n", b"\r\n", b"\x1f\x8b", b"\xef\xbb\xbf"),
        *(b'{"msg":"x"}', b'"resourceLogs"', b'{"resourceLogs":[]}', b"NaN", b"1e999", b"null", b"true", b"9" * 30),
        *(b'{"id":"a","signal":"log","name":"","time_unix_nano":1}', b'"time":', b'"attributes":{', b"\xff"),
    ]
)


def read(data: bytes, **options: Any) -> tuple[ListConsumer, Counters]:
    consumer, counters = ListConsumer(), Counters()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input"
        path.write_bytes(data)
        receiver = FileInputReceiver(FileInputConfig(include=[str(path)], **options))
        receiver.start(Host("file_input", counters))
        receiver.run(consumer)
    return consumer, counters


@settings(deadline=None)
@given(st.binary() | st.lists(FRAGMENTS | st.binary(max_size=5), max_size=30).map(b"".join), st.integers(1, 200))
def test_p10_arbitrary_bytes_never_stop_the_reading_and_every_line_is_accounted_for(data: bytes, limit: int) -> None:
    consumer, counters = read(data, max_line_bytes=limit, max_batch_events=2)
    refused = counters.reasons("refused", "file_input")
    requests = data.count(b"resourceLogs")  # a request may hold no record
    lines = counters.get("lines", "file_input")
    assert (
        lines - requests <= len(consumer.events) + sum(refused.values()) - refused.get("unreadable_input", 0) <= lines
    )
    for batch in consumer.batches:
        assert decode_batch(encode_batch(batch)) == batch
        assert len(encode_lines(batch).splitlines()) == len(batch)


@settings(deadline=None)
@given(st.lists(OBJECTS, max_size=8), st.booleans(), st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
def test_every_json_object_comes_out_exactly_once_in_order(
    objects: list[dict[str, Any]], ascii_only: bool, newline: bytes
) -> None:
    marked = [{**members, "attributes": {"n": number}} for number, members in enumerate(objects)]
    lines = [json.dumps(members, ensure_ascii=ascii_only).encode() for members in marked]
    consumer, counters = read(newline.join(lines), max_batch_events=3)
    assert [event.attributes["n"] for event in consumer.events] == list(range(len(objects)))
    assert counters.get("refused", "file_input") == 0
    for batch in consumer.batches:
        assert decode_batch(encode_batch(batch)) == batch
        assert len(encode_lines(batch).splitlines()) == len(batch)


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1).map(lambda name: f"x.{name}"), VALUES, max_size=6))
def test_members_that_mean_nothing_to_beacon_become_attributes_as_they_are(members: dict[str, Any]) -> None:
    (event,) = read(json.dumps(members).encode())[0].events
    assert json.dumps(event.attributes) == json.dumps(members, default=str) or _has_large_integer(members)


def _has_large_integer(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_has_large_integer(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and not -(2**63) <= value < 2**64
