"""Attributes as indexed fields: flat, text, and never under a name that is Splunk's own.

Splunk, "Format events for HTTP Event Collector", about `fields`; whether it takes integers there is disputed.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from beacon_core import AttributeValue

_RESERVED = frozenset({"host", "source", "sourcetype", "index", "time"})
_RESERVED_STARTS = ("_", "metric_name")  # Splunk's own fields, and measurements

to_json = msgspec.json.Encoder().encode

Fields = dict[str, Any]


def field_name(name: str) -> str:
    """Return the name that an attribute has as a field."""
    return f"attr.{name}" if is_reserved(name) else name


def is_reserved(name: str) -> bool:
    """Say whether a field of this name would be refused, or taken for something of Splunk's."""
    return name in _RESERVED or name.startswith(_RESERVED_STARTS)


def flatten(name: str, value: AttributeValue, fields: Fields) -> None:
    """Add one attribute: maps get dotted names, numbers become text, null is left out, nothing is nested."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if type(inner) is int:  # counts, such as those in what sanitize notes on every event
                fields[field_name(f"{name}.{key}")] = str(inner)
            else:
                flatten(f"{name}.{key}", inner, fields)
        return
    content = flat(value)
    if content is not None:
        fields[field_name(name)] = content


def flat(value: AttributeValue) -> list[str] | str | None:
    """Return what stands in a field, of anything but a map; None if there is to be no field."""
    return _list(value) if isinstance(value, list) else None if value is None else text(value)


def text(value: AttributeValue) -> str:
    """Return a value as text: booleans as in JSON, bytes in base64."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _list(values: list[AttributeValue]) -> list[str] | str | None:
    if any(isinstance(value, list | dict) for value in values):
        return to_json(values).decode()
    return [text(value) for value in values if value is not None] or None
