"""The normalized event as a JSON Schema and as a page, both from `normalized.toml` and the structs of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from beacon_core import event as events
from beacon_core.processors.canonicalize import load_schema

Row = tuple[str, ...]
Table = Callable[[Row, list[Row]], str]

#: Where the schema stands beside the pages.
FILE = "event-schema.json"

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "": {},
}
_ALWAYS = "Always there"  # the group whose attributes every event has
_RESOURCE = ("os.type", "telemetry.distro.name", "telemetry.distro.version")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a line of the file exporter that holds an event of an agent."""
    schema = load_schema()
    _, definitions = msgspec.json.schema_components([events._Line], ref_template="#/$defs/{name}")  # noqa: SLF001
    line = definitions.pop("_Line")
    members: dict[str, Any] = line["properties"]
    members["id"] |= {"minLength": 1}
    members["severity_number"] |= {"minimum": 1, "maximum": 24}
    members["trace_id"] |= {"pattern": "^[0-9a-f]{32}$"}
    members["span_id"] |= {"pattern": "^[0-9a-f]{16}$"}
    members["attributes"] = {
        "type": "object",
        "properties": {name: _attribute(name, spec) for name, spec in schema.names.items()},
        "required": [name for name, spec in schema.names.items() if spec.group == _ALWAYS],
    }
    members["resource"] = {
        "type": "object",
        "description": f"With the processor fingerprint also {', '.join(_RESOURCE)}.",
        "properties": {name: {"type": "string"} for name in _RESOURCE},
    }
    return {
        "$schema": _DIALECT,
        "$id": f"urn:beacon:event-schema:{schema.version}",
        "title": f"Normalized event of a coding agent, version {schema.version}",
        "type": "object",
        "properties": members,
        "required": [*line["required"], "attributes", "severity_number", "severity_text"],
        "allOf": [_with_signal("metric"), _with_signal("span"), _NAMED_BY_ACTION],
        "$defs": {name: _plain(definition) for name, definition in definitions.items()},
    }


#: The name of a log event is its action, so it has one.
_NAMED_BY_ACTION = {
    "if": {"properties": {"signal": {"const": "log"}}},
    "then": {"properties": {"name": {"minLength": 1}}},
}


def _attribute(name: str, spec: Any) -> dict[str, Any]:
    found = {"description": spec.about, **_TYPES[spec.type]}
    if spec.values:
        found["enum"] = list(spec.values)
    if name == "beacon.schema.version":
        found["const"] = load_schema().version
    if name == "beacon.event.action":
        found["examples"] = list(load_schema().action_names)
    return found


def _with_signal(signal: str) -> dict[str, Any]:
    """Return that an event has the member that belongs to its signal, and only then."""
    return {
        "if": {"properties": {"signal": {"const": signal}}},
        "then": {"required": [signal]},
        "else": {"properties": {signal: False}},
    }


def _plain(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition without the text that is meant for readers of Python."""
    return {key: value for key, value in definition.items() if key != "description"}


def encoded() -> bytes:
    """Return the schema as it is written to its file."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=1) + b"\n"


def parts(table: Table, before: Sequence[str]) -> Iterator[str]:
    """Yield the parts of the page; `before` is the first, `table` makes a table."""
    schema = load_schema()
    yield f"# Normalized event, version {schema.version}"
    yield from (text.strip() for text in before)
    actions: list[Row] = [
        (f"`{name}`", schema.category(name), _severity(name), about) for name, about in schema.action_names.items()
    ]
    yield from ("## Actions", table(("action", "category", "severity", "what happened"), actions), "## Attributes")
    for group in dict.fromkeys(name.group for name in schema.names.values()):
        rows: list[Row] = [
            (f"`{name}`", spec.type or "any", spec.about + _one_of(spec.values))
            for name, spec in schema.names.items()
            if spec.group == group
        ]
        yield from (f"### {group}", table(("attribute", "type", "meaning"), rows))


def _severity(action: str) -> str:
    """Return the severity of an action whose source has none, and that of a failure where it differs."""
    usual, failed = (load_schema().severity(action, outcome) for outcome in ("success", "failure"))
    return usual if usual == failed else f"{usual}, of a failure {failed}"


def _one_of(values: Sequence[str]) -> str:
    return f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""
