"""OTLP/JSON, the form in which events are kept and sent: one logs request a line, with one log record in it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Union

    Value = Union[str, bool, int, float, list[str]]
    Attributes = Mapping[str, Value]

SCOPE = "beacon_track"


def encode(record: dict[str, Any], resource: Attributes, version: str) -> bytes:
    """Return a log record as a request of its own: one line without its end.

    Args:
        record: a LogRecord of OTLP/JSON.
        resource: attributes of the resource.
        version: of this package.
    """
    scope_logs = {"scope": {"name": SCOPE, "version": version}, "logRecords": [record]}
    return dump({"resourceLogs": [{"resource": {"attributes": pairs(resource)}, "scopeLogs": [scope_logs]}]})


def merge(lines: Iterable[bytes]) -> bytes:
    """Return the request that carries what several lines carry; the same lines always give the same bytes.

    Raises:
        ValueError: a line is no logs request.
    """
    return dump({"resourceLogs": [part for line in lines for part in resource_logs(line)]})


def resource_logs(line: bytes) -> list[Any]:
    """Return what a line has under `resourceLogs`.

    Raises:
        ValueError: the line is no logs request.
    """
    import json

    request = json.loads(line)
    parts = request.get("resourceLogs") if isinstance(request, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise ValueError("not a logs request")
    return parts


def pairs(attributes: Attributes) -> list[dict[str, Any]]:
    """Return attributes as OTLP/JSON has them; 64-bit integers are text there."""
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def dump(content: object) -> bytes:
    """Return JSON in its shortest form, in ASCII."""
    import json

    return json.dumps(content, separators=(",", ":")).encode("ascii")


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": value}
