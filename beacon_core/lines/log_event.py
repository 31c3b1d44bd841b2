"""A JSON object of any program becomes a log event."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from beacon_core.event import Event, parse_rfc3339

#: A decoded JSON object: anything may stand in it.
Members: TypeAlias = dict[str, Any]

MAX_TIME = 2**64 - 1  # OTLP's fixed64; rfc3339() can print it
_MAX_SEVERITY = 24  # opentelemetry-proto logs.proto, SeverityNumber
# A number is seconds, or the next smaller unit from here on: 1e11 s is the year 5138, 1e11 ms is March 1973.
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
_HEX = re.compile(r"[0-9a-f]*")


def _in_range(nanos: int | None) -> int | None:
    return nanos if nanos is not None and 0 < nanos <= MAX_TIME else None


def _number(value: object) -> int | float | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MAX_TIME)):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _nanoseconds(value: object) -> int | None:
    number = _number(value)
    return _in_range(number) if isinstance(number, int) else None


def _moment(value: object) -> int | None:
    number = _number(value)
    if number is None:
        return _in_range(parse_rfc3339(value)) if isinstance(value, str) else None
    if not 0 < number <= MAX_TIME:
        return None
    factor = next((factor for limit, factor in _UNITS if number < limit), 1)
    return _in_range(int(Decimal(repr(number)) * factor))  # by its digits: a float times 1e9 would invent some


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _severity(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_SEVERITY
    return value if fits and isinstance(value, int) else None


def _map(value: object) -> Members | None:
    return value if isinstance(value, dict) else None


def is_hex_id(value: str, digits: int) -> bool:
    """Say whether `value` is an id as events have it: empty, or lower-case hex digits."""
    return not value or (len(value) == digits and _HEX.fullmatch(value) is not None)


def _hex_id(digits: int) -> Callable[[object], str | None]:
    def convert(value: object) -> str | None:
        if not isinstance(value, str) or not is_hex_id(value.lower(), digits):
            return None
        return value.lower() if value.strip("0") else ""  # W3C Trace Context: all zeros is no id

    return convert


def _any(value: object) -> object:
    return value


#: For each member of an event: what it may be called, the best name first, and what makes a value of it, or None.
_SOURCES: dict[str, tuple[tuple[str, Callable[[object], object]], ...]] = {
    "name": (("name", _text),),
    "time_unix_nano": (("time_unix_nano", _nanoseconds), ("time", _moment), ("timestamp", _moment)),
    "severity_text": (("severity_text", _text), ("level", _text)),
    "severity_number": (("severity_number", _severity),),
    "body": (("body", _any), ("message", _any), ("msg", _any)),
    "resource": (("resource", _map),),
    "trace_id": (("trace_id", _hex_id(32)),),
    "span_id": (("span_id", _hex_id(16)),),
}


def _take(members: Members, names: tuple[tuple[str, Callable[[object], object]], ...]) -> Any:
    """Remove what one member of the event is made of; what says something else stays and becomes an attribute."""
    found: Any = None
    for name, convert in names:
        if name not in members:
            continue
        value = convert(members[name])
        if members[name] is None or (value is not None and found in (None, value)):
            del members[name]
            found = value if found is None else found
    return found


def log_event(members: Members, received_unix_nano: int) -> Event:
    """Return the log event of a JSON object, without an id; `members` is used up.

    Known members become the event's own; all others become attributes, and so do known ones whose value cannot be used
    (a `trace_id` that is none, a `time` that is a duration). A name that stands in `attributes` too wins there.
    """
    known: Members = {}
    for member, names in _SOURCES.items():
        value = _take(members, names)
        if value is not None:
            known[member] = value
    attributes = members.get("attributes")
    if isinstance(attributes, dict):
        del members["attributes"]
        members.update(attributes)
    known.setdefault("name", "")
    known.setdefault("time_unix_nano", received_unix_nano)
    return Event(id="", signal="log", observed_time_unix_nano=received_unix_nano, attributes=members, **known)
