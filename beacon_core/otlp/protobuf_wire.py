"""OTLP in binary protobuf, parsed by the C library behind `google.protobuf` (upb)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from beacon_core.errors import InvalidDataError
from beacon_core.event import Attributes, AttributeValue
from beacon_core.otlp.wire import Message, Wire

_REQUESTS: dict[str, Any] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}
_PLAIN = {"string_value", "int_value", "double_value", "bool_value", "bytes_value"}


class ProtobufWire(Wire):
    """Reads protobuf messages. Their fields are never None; an absent message reads as an empty one."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, str] = {}

    def parse(self, path: str, body: bytes) -> Message:
        request = _REQUESTS[path]
        try:
            return request.FromString(body)
        except DecodeError:
            # The library says neither where nor why: a message cut short, a wrong wire type, invalid UTF-8 in a
            # string, more than 100 levels.
            raise InvalidDataError(f"not a valid protobuf {request.__name__} of {len(body)} bytes") from None

    def unknown_fields(self, path: str, request: Message, body: bytes) -> str:  # noqa: ARG002 - JSON needs them
        if len(UnknownFieldSet(request)):
            return f"the request has fields that {type(request).__name__} does not know; they were ignored"
        return ""

    def encoded(self, message: Message) -> bytes:
        return message.SerializeToString()  # type: ignore[no-any-return]

    def pairs(self, pairs: Sequence[Message]) -> Attributes:
        share = self._names.setdefault  # one object a name: what looks names up later compares them by identity
        other = (
            self.value
        )  # for all but the values that nearly every attribute has: texts and numbers that say something
        found: Attributes = {}
        for pair in pairs:  # a tenth quicker than a comprehension, which would have `share` and `other` in cells
            name, value = pair.key, pair.value
            found[share(name, name)] = value.string_value or value.int_value or other(value)
        return found

    def value(self, value: Message) -> AttributeValue:
        kind = value.WhichOneof("value")
        if kind in _PLAIN:
            return getattr(value, kind)  # type: ignore[no-any-return]
        if kind == "array_value":
            return [self.value(item) for item in value.array_value.values]
        if kind == "kvlist_value":
            return self.attributes(value.kvlist_value.values)
        if kind is not None:  # string_value_strindex: an index into a table that only profiles have
            self.note("value_by_index")
        return None

    def identifier(self, raw: bytes, size: int) -> str:
        if len(raw) == size and any(raw):
            return raw.hex()
        if any(raw):
            self.note("invalid_id")
        return ""

    def number(self, point: Message) -> int | float | None:
        kind = point.WhichOneof("value")
        return getattr(point, kind) if kind else None

    def data_kind(self, metric: Message) -> str | None:
        return metric.WhichOneof("data")  # type: ignore[no-any-return]

    def optional(self, point: Message, name: str) -> float | None:
        return getattr(point, name) if point.HasField(name) else None
