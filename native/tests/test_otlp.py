"""The reader of OTLP in protobuf alone, on bytes that are written here: tests/unit compares it with Beacon's own."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

otlp = pytest.importorskip("beacon_native.otlp", reason="beacon-native is not built here")


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def part(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def attribute(field: int, key: str, value: bytes) -> bytes:
    return part(field, part(1, key.encode()) + part(2, value))


TIME = b"\x09" + struct.pack("<Q", 1_795_000_000_000_000_000)
RECORD = b"".join(
    [
        TIME,
        part(5, part(1, b"a body")),
        attribute(6, "text", part(1, "grüße".encode())),
        attribute(6, "yes", b"\x10\x01"),
        attribute(6, "number", b"\x18" + varint(2**64 - 5)),
        attribute(6, "real", b"\x21" + struct.pack("<d", 0.5)),
        attribute(6, "list", part(5, part(1, part(1, b"one")) + part(1, b""))),
        attribute(6, "map", part(6, attribute(1, "key", part(7, b"\0\1")))),
        part(9, bytes(range(16))),
        part(10, bytes(8)),
    ]
)
REQUEST = part(1, part(1, attribute(1, "service.name", part(1, b"s"))) + part(2, part(2, RECORD) + part(2, RECORD)))


def reading(body: bytes) -> Any:
    return otlp.Reader(
        body,
        "id-",
        event=dict,
        span=dict,
        span_event=dict,
        resource=lambda message: otlp.attributes(message, 1)[0],
        scope=lambda message, schema_url: (message, schema_url),
        received=5,
    )


def read(body: bytes) -> list[dict[str, Any]] | None:
    return reading(body).logs()  # type: ignore[no-any-return]


def test_a_record_becomes_an_event_with_every_kind_of_value() -> None:
    first, second = read(REQUEST) or []
    assert first | {"id": "id-1"} == second
    assert first["id"] == "id-0"
    assert first["time_unix_nano"] == 1_795_000_000_000_000_000
    assert (first["body"], first["resource"], first["scope"]) == ("a body", {"service.name": "s"}, (b"", ""))
    assert (first["trace_id"], first["span_id"]) == (bytes(range(16)).hex(), "")
    assert first["attributes"] == {
        "text": "grüße",
        "yes": True,
        "number": -5,
        "real": 0.5,
        "list": ["one", None],
        "map": {"key": b"\0\1"},
    }


def test_a_request_that_is_cut_short_is_left_to_another_reader() -> None:
    assert [size for size in range(len(REQUEST)) if read(REQUEST[:size]) is not None] == []


@pytest.mark.parametrize(
    "record",
    [
        TIME + varint(99 << 3),
        TIME + part(3, b"\xff"),
        TIME + part(9, b"short"),
        TIME + attribute(6, "twice", b"") * 2,
        TIME + part(5, b"\x18" + b"\xff" * 10),
        TIME + varint(6 << 3 | 2) + varint(2**63),
    ],
    ids=["unknown field", "no UTF-8", "a short id", "a key twice", "a long number", "a huge length"],
)
def test_what_is_unusual_is_left_to_another_reader(record: bytes) -> None:
    assert read(part(1, part(2, part(2, RECORD) + part(2, record)))) is None


def test_nesting_has_a_limit() -> None:
    value = part(1, b"deep")
    for _ in range(10_000):
        value = part(5, part(1, value))
    assert read(part(1, part(2, part(2, TIME + part(5, value))))) is None


@given(st.integers(0, len(REQUEST) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_no_byte_of_a_request_makes_it_fail(place: int, inserted: bytes, removed: int) -> None:
    found = read(REQUEST[:place] + inserted + REQUEST[place + removed :])
    assert found is None or all(type(event) is dict for event in found)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    assert read(body) is None or body


def test_records_without_a_time_are_counted() -> None:
    observed = b"\x59" + (7).to_bytes(8, "little")
    reader = reading(part(1, part(2, part(2, TIME) + part(2, observed) + part(2, b""))))
    assert [event["time_unix_nano"] for event in reader.logs()] == [1_795_000_000_000_000_000, 7, 5]
    assert (reader.untimed, reader.empty) == (2, 0)
