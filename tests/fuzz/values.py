"""Makes requests that can be read, and hold what nobody expects: odd values in place of good ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.fuzz.corpus import JSON, Sample

_REQUESTS: dict[str, type[Message]] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}
_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\n\r\t",
        "ü€💩",
        "\ufeff",
        "\u2028",
        "\x7f\x1b[31m",
        "a" * 70_000,
        "%s{}$",
        "../../x",
        "NaN",
        "null",
    ),
    *(
        "_",
        "host",
        "time",
        "metric_name:x",
        "\ud7ff\ue000\uffff",
        "0",
        "-1",
        "1e999",
        "true",
        "key=value",
        "a.b.c..",
        ".",
    ),
    *("https://user:pass" + "word@example.com/?token=abc", "Bearer abc", "x" * 300 + "@" + "y" * 300, "-----BEGIN "),
)
_NUMBERS = (0, 1, -1, 7, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 10**18, 1_795_145_112_904_000_000)
_FLOATS = (0.0, -0.0, 0.1, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 1e15, 123456789.123456789)
_MOST_CHANGES = 6


def odd_values(chance: random.Random, sample: Sample) -> bytes:
    """Return the sample's body with some values replaced; still JSON, or protobuf, of nearly the right shape."""
    return _odd_json(chance, sample) if sample.kind == JSON else _odd_protobuf(chance, sample)


# ---- JSON ----


def _odd_json(chance: random.Random, sample: Sample) -> bytes:
    document = json.loads(sample.body)
    places = list(_places(document))
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        container, key = chance.choice(places)
        if isinstance(container, list) and key >= len(container):
            continue
        if isinstance(container, dict) and key not in container:
            continue
        match chance.randrange(8):
            case 0:
                del container[key]
            case 1 if isinstance(container, list):
                container += [container[key]] * chance.choice((1, 5, 100))
            case 1:
                container[chance.choice(_TEXTS[:12])] = container[key]
            case _:
                container[key] = _odd_like(chance, container[key])
    return json.dumps(document, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _odd_like(chance: random.Random, value: Any) -> Any:
    """Return something that may stand where `value` stood: mostly of its type, since other types are refused early."""
    if chance.random() < 0.1:
        return chance.choice((None, True, {}, [], "text", 5, 0.5, {"stringValue": "x"}, [[]]))
    if isinstance(value, dict) and {"stringValue", "intValue"} & value.keys():
        return _odd_any_value(chance)
    return chance.choice(_alternatives(value))


def _alternatives(value: Any) -> Sequence[Any]:
    match value:
        case bool():
            return (True, False, None)
        case int() | float():
            return (*_NUMBERS, *_FLOATS[:6], *map(str, _NUMBERS))
        case str():
            numbers = [str(number) for number in _NUMBERS] if value.lstrip("-").isdigit() else []
            return numbers or (*_TEXTS, *(value + text for text in _TEXTS), value.upper(), value[: len(value) // 2])
        case list():
            return ([], [None], value * 2, value[:1], value[::-1])
        case _:
            return ({}, None, {**(value or {}), "unknownField": 1})


def _odd_any_value(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    makers: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {"stringValue": chance.choice(_TEXTS)},
        lambda: {"intValue": str(chance.choice(_NUMBERS))},
        lambda: {"doubleValue": chance.choice((0.5, "NaN", "Infinity", "-Infinity", 1e308))},
        lambda: {"bytesValue": "AP8="},
        dict,
        lambda: {"arrayValue": {"values": [_odd_any_value(chance, depth + 1) for _ in range(3)]}},
        lambda: {
            "kvlistValue": {"values": [{"key": chance.choice(_TEXTS), "value": _odd_any_value(chance, depth + 1)}]}
        },
    )
    return chance.choice(makers if depth < 4 else makers[:5])()


# ---- protobuf ----


def _odd_protobuf(chance: random.Random, sample: Sample) -> bytes:
    message = _REQUESTS[sample.path]()
    message.ParseFromString(sample.body)
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        target = chance.choice(list(_messages(message)))
        fields: Sequence[Any] = target.DESCRIPTOR.fields
        _set_oddly(chance, target, chance.choice(fields))
    return message.SerializeToString()


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in value if field.is_repeated else [value]:
                yield from _messages(each)


def _set_oddly(chance: random.Random, target: Message, field: FieldDescriptor) -> None:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        _change_message(chance, target, field)
    elif field.is_repeated:
        getattr(target, field.name).extend([_odd_scalar(chance, field) for _ in range(chance.choice((1, 3, 1000)))])
    else:
        setattr(target, field.name, _odd_scalar(chance, field))


def _change_message(chance: random.Random, target: Message, field: FieldDescriptor) -> None:
    value = getattr(target, field.name)
    if chance.random() < 0.2:
        target.ClearField(field.name)
    elif not field.is_repeated:
        value.SetInParent()
        if isinstance(value, AnyValue):
            value.CopyFrom(_nested(chance))
    elif len(value) and chance.random() < 0.5:
        value.add().CopyFrom(chance.choice(value))
    else:
        value.add()


def _nested(chance: random.Random) -> AnyValue:
    value = AnyValue(double_value=chance.choice(_FLOATS))
    for _ in range(chance.choice((0, 0, 1, 5, 25))):
        outer = AnyValue()
        if chance.random() < 0.5:
            outer.array_value.values.append(value)
        else:
            outer.kvlist_value.values.add(key=chance.choice(_TEXTS[:12])).value.CopyFrom(value)
        value = outer
    return value


def _odd_scalar(chance: random.Random, field: FieldDescriptor) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return chance.choice((b"", b"\0" * 16, b"x", chance.randbytes(8), chance.randbytes(16), b"\xff" * 1000))
    return chance.choice(_SCALARS.get(field.cpp_type, (0, 1, -1, 5, 24, 25, 2**31 - 1, -(2**31))))


#: What a field may hold, by its type in C++; all others are 32-bit integers and enumerations.
_SCALARS: dict[int, Sequence[Any]] = {
    FieldDescriptor.CPPTYPE_STRING: _TEXTS,
    FieldDescriptor.CPPTYPE_BOOL: (True, False),
    FieldDescriptor.CPPTYPE_DOUBLE: _FLOATS,
    FieldDescriptor.CPPTYPE_UINT64: [number for number in _NUMBERS if number >= 0],
    FieldDescriptor.CPPTYPE_INT64: [number for number in _NUMBERS if number < 2**63],
    FieldDescriptor.CPPTYPE_UINT32: (0, 1, 255, 2**32 - 1),
}
