"""One line becomes events: an OTLP request, an event that Beacon wrote, or any other JSON object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Event
from beacon_core.lines.log_event import MAX_TIME, Members, is_hex_id, log_event

#: What lines are by themselves: an OTLP request each, an event or any other object each, or decided line by line.
PlainFormat: TypeAlias = Literal["auto", "otlp_json", "json"]

MAX_DEPTH = 64
_INTEGERS = range(-(2**63), 2**64)  # what MessagePack, and so the queue, can store
_BOM = b"\xef\xbb\xbf"
_PATHS = ("/v1/logs", "/v1/metrics", "/v1/traces")  # OTLP/HTTP's; as the members of _Request, in that order
_OWN_MEMBERS = {"id", "signal", "time_unix_nano"}

# Left to right over every escape, so that a backslash that is itself escaped starts none.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_POSITION = re.compile(r" \(byte \d+\)")


class _Request(msgspec.Struct, rename="camel", gc=False):
    """The members that make a JSON object an OTLP request; nothing of them is decoded yet."""

    resource_logs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    resource_metrics: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    resource_spans: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_any_json = msgspec.json.Decoder()
_request = msgspec.json.Decoder(_Request)


def without_bom(line: bytes) -> bytes:
    """Return the line without a byte order mark, which stands where files with one were put together, too."""
    return line.removeprefix(_BOM)


def decode_events(line: bytes, received_unix_nano: int, line_format: PlainFormat = "auto") -> Sequence[Event]:
    """Return the events of one line, in order; those without an id of their own have an empty one.

    Lone surrogates become U+FFFD; integers beyond 64 bits become text, since no destination takes them as numbers.

    Raises:
        InvalidDataError: if the line is malformed; the message never quotes it.
    """
    try:
        return _decode(_without_lone_surrogates(line), received_unix_nano, line_format)
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        raise _invalid(error) from None


def decode_object(line: bytes) -> Members:
    """Return the JSON object that a line is, with the changes that `decode_events` makes.

    Raises:
        InvalidDataError: as there.
    """
    try:
        return _decode_object(_without_lone_surrogates(line))
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        raise _invalid(error) from None


def _invalid(error: Exception) -> InvalidDataError:
    if isinstance(error, UnicodeDecodeError):
        return InvalidDataError("not UTF-8")
    if isinstance(error, RecursionError):
        return InvalidDataError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(
        error, msgspec.ValidationError
    ):  # of untyped JSON: an infinite float or a number of thousands of digits
        return InvalidDataError("a number is out of range")
    position = _POSITION.search(str(error))
    return InvalidDataError(f"not JSON{position[0] if position else ''}")


def _decode(line: bytes, received: int, line_format: PlainFormat) -> Sequence[Event]:
    if line_format != "json":
        paths = _request_paths(line)
        if paths:
            return [event for path in paths for event in _decode_request(path, line, received)]
    members = _decode_object(line)
    if line_format == "otlp_json":
        raise InvalidDataError("not an OTLP request: it has no resourceLogs, resourceMetrics or resourceSpans")
    return [_own_event(members) or log_event(members, received)]


def _decode_object(line: bytes) -> Members:
    members = _any_json.decode(line)
    if not isinstance(members, dict):
        raise InvalidDataError("not a JSON object")
    _check_values(members, 1)
    return members


def _without_lone_surrogates(line: bytes) -> bytes:
    if b"\\ud" not in line and b"\\uD" not in line:
        return line
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], line)


# ---- OTLP ----


def _request_paths(line: bytes) -> list[str]:
    """Return what the line would have been sent to, had it been a request; empty if it is none."""
    if not (b'"resourceLogs"' in line or b'"resourceMetrics"' in line or b'"resourceSpans"' in line):
        return []  # the usual case, at the cost of three searches
    try:
        request = _request.decode(line)
    except msgspec.ValidationError:
        return []
    members = (request.resource_logs, request.resource_metrics, request.resource_spans)
    return [path for path, value in zip(_PATHS, members, strict=True) if value is not msgspec.UNSET]


def _decode_request(path: str, line: bytes, received: int) -> Sequence[Event]:
    from beacon_core.otlp import decode_request  # noqa: PLC0415 - not needed for other lines

    events = decode_request(path, line, encoding="json", received_unix_nano=received).batch.events
    for event in events:
        # They are new and nobody else has seen them yet. Their ids are those of a batch that a sender might repeat.
        msgspec.structs.force_setattr(event, "id", "")
    return events


# ---- lines of Beacon's file exporter ----


def _own_event(members: Members) -> Event | None:
    """Return the event of a line that Beacon's file exporter wrote, None if it is something else."""
    if not members.keys() >= _OWN_MEMBERS:
        return None
    try:
        event = msgspec.convert(members if "name" in members else {**members, "name": ""}, Event)
    except msgspec.ValidationError:
        return None
    return event if _is_sound(event) else None


def _is_sound(event: Event) -> bool:
    """Say whether an event holds what `Event` promises and its types do not say; exporters rely on it."""
    data = {"log": True, "metric": event.metric is not None, "span": event.span is not None}
    ids = is_hex_id(event.trace_id, 32) and is_hex_id(event.span_id, 16)
    return data[event.signal] and ids and 0 < event.time_unix_nano <= MAX_TIME


# ---- limits of values ----


def _check_values(container: Any, depth: int) -> None:
    """Hold the limit of nesting, and write integers that are too large as text, in place."""
    if depth > MAX_DEPTH:
        raise InvalidDataError(f"nested deeper than {MAX_DEPTH} levels")
    for key, value in container.items() if type(container) is dict else enumerate(container):
        kind = type(value)
        if kind is dict or kind is list:
            _check_values(value, depth + 1)
        elif kind is int and value not in _INTEGERS:
            container[key] = str(value)
