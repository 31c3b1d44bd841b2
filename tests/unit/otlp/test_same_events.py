"""The same telemetry gives the same events, whether it comes in protobuf or in JSON."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from beacon_core.errors import InvalidDataError
from beacon_core.event import decode_batch, encode_batch
from beacon_core.otlp import Decoded, Encoding, decode_request

REQUESTS: dict[str, type[Message]] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}
AGENTS = Path(__file__).parents[3].parent / "shared" / "fixtures" / "agents"
LONG = {
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}
#: Fields that Beacon does not read, or reads with the protobuf runtime's own rules.
LEFT_OUT = {"string_value_strindex", "key_strindex", "entity_refs", "metadata"}

# ---- protobuf to OTLP/JSON ----


def scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return transcribe(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value.hex() if field.name.endswith("_id") else base64.b64encode(value).decode()
    if field.type in LONG:
        return str(value)
    if field.type == FieldDescriptor.TYPE_DOUBLE and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def transcribe(message: Message) -> dict[str, Any]:
    """Write a message as OTLP/JSON: lowerCamelCase, ids in hexadecimal, 64-bit integers as text."""
    return {
        field.json_name: [scalar(field, item) for item in value] if field.is_repeated else scalar(field, value)
        for field, value in message.ListFields()
    }


# ---- random messages, made from the descriptors so that no field is forgotten ----

SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=8),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats() | st.integers(-5, 5).map(float),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_ENUM: st.integers(-1, 30),
}


def bytes_of(field: FieldDescriptor) -> st.SearchStrategy[bytes]:
    sizes = {"trace_id": (16, 16), "span_id": (8, 8), "parent_span_id": (8, 8)}
    low, high = sizes.get(field.name, (0, 6))
    return st.binary(min_size=low, max_size=high) | st.just(bytes(low)) | st.binary(max_size=9)


RECORD_DEPTH = 4  #: levels below a record; above it nothing is left out, or most requests would be empty


def fill(message: Message, draw: Callable[[st.SearchStrategy[Any]], Any], depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        one_of = field.containing_oneof
        if field.name in LEFT_OUT or (one_of and message.WhichOneof(one_of.name)):
            continue
        envelope = depth > RECORD_DEPTH and field.is_repeated
        if envelope or draw(st.integers(0, 3)):
            fill_field(message, field, draw, depth, least=1 if envelope else 0)


def fill_field(
    message: Message, field: FieldDescriptor, draw: Callable[[st.SearchStrategy[Any]], Any], depth: int, *, least: int
) -> None:
    content = getattr(message, field.name)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        strategy = bytes_of(field) if field.type == FieldDescriptor.TYPE_BYTES else SCALARS[field.type]
        if field.is_repeated:
            content.extend(draw(st.lists(strategy, max_size=3)))
        else:
            setattr(message, field.name, draw(strategy))
    elif depth and field.is_repeated:
        for _ in range(draw(st.integers(least, 2))):
            fill(content.add(), draw, depth - 1)
    elif depth:
        content.SetInParent()
        fill(content, draw, depth - 1)


@st.composite
def requests(draw: Callable[[st.SearchStrategy[Any]], Any], path: str) -> Message:
    request = REQUESTS[path]()
    fill(request, draw, depth=RECORD_DEPTH + 3)
    return request


def decode(path: str, body: bytes, encoding: Encoding) -> Decoded:
    return decode_request(path, body, encoding=encoding, received_unix_nano=1234)


def events_without_ids(decoded: Decoded) -> list[str]:
    """Return the events as text, in which NaN equals NaN and 1 does not equal 1.0."""
    return [repr(event).replace(decoded.batch.id, "batch") for event in decoded.batch]


@pytest.mark.parametrize("path", REQUESTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_random_requests_give_equal_events_in_both_encodings(path: str, data: st.DataObject) -> None:
    request = data.draw(requests(path))
    plain = decode(path, request.SerializeToString(), "protobuf")
    in_json = decode(path, json.dumps(transcribe(request), allow_nan=False).encode(), "json")
    assert events_without_ids(in_json) == events_without_ids(plain)
    assert repr(decode_batch(encode_batch(plain.batch))) == repr(plain.batch)  # and every event can be stored


RECORDED = [
    pytest.param(folder.parent / entry["file"], entry, id=f"{folder.parent.name}/{entry['file']}")
    for folder in sorted(AGENTS.glob("*/*/manifest.json"))
    for entry in json.loads(folder.read_text())
]


def recorded_body(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


@pytest.mark.skipif(not RECORDED, reason="the recorded sessions are not here")
@pytest.mark.parametrize(("file", "entry"), RECORDED)
def test_recorded_requests_hold_as_many_records_as_their_manifest_says(file: Path, entry: dict[str, Any]) -> None:
    encoding: Encoding = "json" if ".json" in file.name else "protobuf"
    decoded = decode(f"/v1/{entry['signal']}", recorded_body(file), encoding)
    assert len(decoded.batch) == entry["records"]
    assert decoded.warning == ""
    assert all(event.time_unix_nano > 1_700_000_000_000_000_000 for event in decoded.batch)
    assert all(event.resource.get("service.name") for event in decoded.batch)
    if entry["signal"] != "logs":
        assert all(event.name for event in decoded.batch)


@pytest.mark.skipif(not RECORDED, reason="the recorded sessions are not here")
@pytest.mark.parametrize(("file", "entry"), [item for item in RECORDED if ".pb" in item.values[0].name])
def test_recorded_protobuf_gives_equal_events_when_written_as_json(file: Path, entry: dict[str, Any]) -> None:
    path = f"/v1/{entry['signal']}"
    body = recorded_body(file)
    in_json = json.dumps(transcribe(REQUESTS[path].FromString(body))).encode()
    assert events_without_ids(decode(path, in_json, "json")) == events_without_ids(decode(path, body, "protobuf"))


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("path", REQUESTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_p10_a_damaged_request_is_decoded_or_refused_and_nothing_else(
    path: str, encoding: Encoding, data: st.DataObject
) -> None:
    request = data.draw(requests(path))
    body = request.SerializeToString() if encoding == "protobuf" else json.dumps(transcribe(request)).encode()
    at = data.draw(st.integers(0, len(body)))
    damaged = body[:at] + data.draw(st.binary(max_size=3)) + body[at + data.draw(st.integers(0, 3)) :]
    with suppress(InvalidDataError):
        encode_batch(decode(path, damaged, encoding).batch)
