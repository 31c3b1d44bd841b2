"""The writer of JSON objects alone: every kind of piece, what it leaves to others, and texts of any size."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

objects = pytest.importorskip("beacon_native.objects", reason="beacon-native is not built here")

RESOURCE: dict[str, Any] = {}
PIECES = (
    b"{",
    ("absent", "", "metric"),
    ("seconds", "time", "time"),
    ("content", "event", "body", "name"),
    ("text", "id", "id"),
    ("digits", "severity", "severity"),
    b',"fields":{',
    ("flat", "", "attributes"),
    b"}}",
)


def record(**members: Any) -> SimpleNamespace:
    ordinary = {"metric": None, "time": 1_000_000_001, "body": "b", "name": "n", "id": "i", "severity": 9}
    return SimpleNamespace(**ordinary | {"attributes": {}, "resource": RESOURCE} | members)


def written(*records: SimpleNamespace, first: int = 0, largest: int = 10_000_000) -> list[dict[str, Any]]:
    text = bytearray()
    sizes = objects.Form(PIECES, str, ["taken"]).write(text, records, first, largest)
    lines = bytes(text).split(b"\n") if text else []
    assert [len(line) for line in lines] == sizes
    return [json.loads(line) for line in lines]


def test_an_object_has_its_pieces_in_their_order() -> None:
    text = bytearray(b"{}")
    attributes = {"a": "x", "b": {"c": 1, "d": {"e": 0.5}}, "f": True, "g": None, "h": ["i", "j"], "k": -(2**63)}
    assert objects.Form(PIECES, str, ()).write(text, (record(attributes=attributes),), 0, 1000) == [len(text) - 3]
    assert text == (
        b'{}\n{"time":"1.000000001","event":"b","id":"i","severity":"9","fields":{"a":"x","b.c":"1","b.d.e":"0.5",'
        b'"f":"true","h":["i","j"],"k":"-9223372036854775808"}}'
    )


def test_what_is_empty_is_left_out() -> None:
    (found,) = written(record(id="", severity=0, body=None))
    assert found == {"time": "1.000000001", "event": "n", "fields": {}}


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats()), max_size=4))
def test_attributes_are_what_json_reads_again(many: list[dict[str, Any]]) -> None:
    expected = [{name: str(value) for name, value in each.items()} for each in many if "taken" not in each]
    found = written(*(record(attributes={k: v for k, v in each.items() if k}) for each in many if "taken" not in each))
    assert [each["fields"] for each in found] == [{k: v for k, v in each.items() if k} for each in expected]


@pytest.mark.parametrize("size", [7, 8, 9, 1_000, 40_000, 3_000_000])
def test_a_text_of_any_size_is_written(size: int) -> None:
    text = ('é"\\\n\x01' + "x" * 20) * (size // 25) + "y" * (size % 25)
    (found, other) = written(record(attributes={"a": text}), record(body=text))
    assert (found["fields"]["a"], other["event"]) == (text, text)


@pytest.mark.parametrize(
    "unusual",
    [
        {"metric": 1},
        {"time": -1},
        {"time": 2**63},
        {"body": 1},
        {"body": " b"},
        {"body": "", "name": ""},
        {"id": b"i"},
        {"severity": True},
        {"resource": {}},
        *(
            {"attributes": attributes}
            for attributes in (
                *({"taken": 1}, {"": 1}, {1: 1}, {"a": {1: 1}}, {"a": b""}, {"a": 2**63}, {"a": ["x", 1]}),
                *({"a": {"b": 1}, "a.b": 2}, {"a.b": None, "a": {"b": 1}}, {"a": "\ud800"}, None),
            )
        ),
    ],
)
def test_what_is_unusual_ends_the_run_and_leaves_no_trace(unusual: dict[str, Any]) -> None:
    records = (record(), record(**unusual), record())
    assert len(written(*records)) == 1
    assert len(written(*records, first=2)) == 1


def test_maps_in_maps_end_somewhere() -> None:
    nested: Any = "x"
    for _ in range(100):
        nested = {"a": nested}
    assert written(record(attributes=nested)) == []


def test_an_object_that_is_too_large_is_left_to_others() -> None:
    size = len(json.dumps(written(record())[0], separators=(",", ":")))
    assert len(written(record(), largest=size)) == 1
    assert written(record(), largest=size - 1) == []


def test_a_text_that_somebody_looks_at_is_not_moved() -> None:
    text = bytearray(b"x")
    with memoryview(text), pytest.raises(BufferError):
        objects.Form(PIECES, str, ()).write(text, (record(),), 0, 1000)
    assert text == b"x"


def test_a_piece_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        objects.Form([("colour", "a", "b")], str, ())
