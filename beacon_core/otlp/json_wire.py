"""OTLP in JSON: the protobuf JSON mapping with OTLP's changes (OTLP specification, "JSON Protobuf Encoding")."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Attributes, AttributeValue, Scope
from beacon_core.otlp import json_messages as messages
from beacon_core.otlp.wire import MAX_UINT64, Message, Wire

_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "/v1/logs": msgspec.json.Decoder(messages.ExportLogsServiceRequest, strict=False),
    "/v1/metrics": msgspec.json.Decoder(messages.ExportMetricsServiceRequest, strict=False),
    "/v1/traces": msgspec.json.Decoder(messages.ExportTraceServiceRequest, strict=False),
}
_PART = msgspec.json.Decoder(messages.InstrumentationScope, strict=False)
_ROOTS = {"/v1/logs": b'"resourceLogs"', "/v1/metrics": b'"resourceMetrics"', "/v1/traces": b'"resourceSpans"'}
_DATA_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")

#: Levels of messages, as protobuf counts them: an array takes two, a map three.
MAX_DEPTH = 100
_FIRST_DEPTH = 5  # request, resource, scope, record, value

_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_EXACT_IN_FLOAT = 2**53
_SNAKE_CASE = re.compile(
    rb'"(resource_(?:logs|metrics|spans)|scope_(?:logs|metrics|spans)|log_records|data_points'
    rb'|(?:start_|end_)?time_unix_nano|as_(?:int|double)|(?:string|int|double|bool|array|kvlist|bytes)_value)"\s*:'
)


class JsonWire(Wire):
    """Reads the structs of `json_messages`."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = _FIRST_DEPTH
        self._names: dict[str, str] = {}

    def parse(self, path: str, body: bytes) -> Message:
        if not body.strip():
            raise InvalidDataError("the body is empty; an empty request is {} in JSON")
        decoder = _DECODERS[path]
        try:
            return decoder.decode(body)
        except UnicodeDecodeError:
            _refuse_invalid_utf8(body)
        except msgspec.DecodeError as error:
            if _SURROGATE_ESCAPE.search(body) or "got `float`" in str(error):
                return self._parse_slowly(body, decoder.type)
            raise InvalidDataError(str(error)) from None

    def part(self, message: bytes) -> Scope:
        """Return what a Resource or an InstrumentationScope holds; a Resource has no name.

        Raises:
            InvalidDataError: without a reason; the whole request has one.
        """
        try:
            return self.plain_scope(_PART.decode(message))
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError):
            raise InvalidDataError from None

    def encoded(self, message: Message) -> bytes:
        return msgspec.msgpack.encode(message)  # in JSON, what is no number would be as if it were absent

    def _parse_slowly(self, body: bytes, kind: Any) -> Message:
        """Parse what msgspec refuses and OTLP does not: lone surrogates, and big integers such as 1.7e18."""
        try:
            document = json.loads(body.decode(), parse_float=_exact, parse_constant=_refuse_constant)
            return msgspec.convert(self._mend(document), kind, strict=False)
        except UnicodeDecodeError:
            _refuse_invalid_utf8(body)
        except json.JSONDecodeError as error:
            raise InvalidDataError(f"JSON is malformed: {error.msg} (character {error.pos})") from None
        except msgspec.ValidationError as error:
            raise InvalidDataError(str(error)) from None
        except ValueError:
            raise InvalidDataError("JSON is malformed: a number that does not fit") from None

    def _mend(self, item: Any) -> Any:
        """Return decoded JSON with every lone surrogate replaced: text cut in the middle of a UTF-16 pair."""
        if isinstance(item, str):
            text, count = _SURROGATE.subn("\ufffd", item)
            if count:
                self.note("lone_surrogate", count)
            return text
        if isinstance(item, list):
            return [self._mend(member) for member in item]
        if isinstance(item, dict):
            return {self._mend(key): self._mend(member) for key, member in item.items()}
        return item

    def unknown_fields(self, path: str, request: Message, body: bytes) -> str:  # noqa: ARG002 - protobuf needs it
        if match := _SNAKE_CASE.search(body):
            name = match[1].decode()
            head, *rest = name.split("_")
            camel = head + "".join(part.capitalize() for part in rest)
            return f"snake_case fields such as {name} were ignored; OTLP/JSON knows lowerCamelCase only: {camel}"
        if _ROOTS[path] not in body and body.strip(b" \t\r\n{}"):
            return f"the request has no field {_ROOTS[path].decode()}; the fields that it has were ignored"
        return ""

    def pairs(self, pairs: Sequence[Message]) -> Attributes:
        share = self._names.setdefault  # one object a name: what looks names up later compares them by identity
        found: Attributes = {}
        for pair in pairs:
            name, value = pair.key or "", pair.value
            content = None
            if value is not None and (content := value.string_value) is None:
                content = value.int_value
            found[share(name, name)] = self.value(value) if content is None else content
        return found

    def value(self, value: Message) -> AttributeValue:
        if value is None:
            return None
        for plain in (value.string_value, value.int_value, value.bool_value, value.double_value):
            if plain is not None:
                return plain  # type: ignore[no-any-return]
        if value.array_value is not None:
            self._descend(2)
            array = [self.value(item) for item in value.array_value.values or ()]
            self._depth -= 2
            return array
        if value.kvlist_value is not None:
            self._descend(3)
            pairs = self.attributes(value.kvlist_value.values)
            self._depth -= 3
            return pairs
        if value.bytes_value is not None:
            return _from_base64(value.bytes_value)
        self.note("empty_value")
        return None

    def _descend(self, levels: int) -> None:
        self._depth += levels
        if self._depth > MAX_DEPTH:
            raise InvalidDataError(f"a value is nested too deeply: more than {MAX_DEPTH} levels of messages")

    def identifier(self, raw: str | None, size: int) -> str:
        if not raw:
            return ""
        try:
            found = bytes.fromhex(raw)
        except ValueError:
            found = b""
        if len(raw) == 2 * size == 2 * len(found):
            return found.hex() if any(found) else ""
        self.note("invalid_id")
        return ""

    def number(self, point: Message) -> int | float | None:
        return point.as_double if point.as_double is not None else point.as_int  # type: ignore[no-any-return]

    def data_kind(self, metric: Message) -> str | None:
        return next((kind for kind in _DATA_KINDS if getattr(metric, kind) is not None), None)

    def optional(self, point: Message, name: str) -> float | None:
        return getattr(point, name)  # type: ignore[no-any-return]


def _refuse_invalid_utf8(body: bytes) -> NoReturn:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidDataError(f"JSON is malformed: invalid UTF-8 (byte {error.start})") from None
    raise InvalidDataError("JSON is malformed: invalid UTF-8")


def _refuse_constant(_name: str) -> NoReturn:
    raise InvalidDataError('JSON is malformed: NaN and Infinity are written as text ("NaN") in OTLP/JSON')


def _exact(literal: str) -> int | float:
    """Return a number with a fraction or exponent; as an integer where a float could not hold the integer it is."""
    number = float(literal)
    if abs(number) == float("inf"):
        raise InvalidDataError("Number out of range")
    if _EXACT_IN_FLOAT <= abs(number) <= MAX_UINT64 and (whole := Decimal(literal)) == int(whole):
        return int(whole)
    return number


def _from_base64(text: str) -> bytes:
    """Decode base64, standard or URL-safe, with or without padding."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise InvalidDataError("a bytesValue is not base64") from None
