"""Events as HEC objects: the envelope, indexed fields, spans and metrics, as the Collector's exporter writes them.

Splunk, "Format events for HTTP Event Collector" and "Get metrics in from other sources". Only the seven keys of the
envelope may stand at the top level: Splunk drops everything behind an unknown one and answers 200.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from beacon_core import Attributes, AttributeValue, Event
from beacon_splunk.metrics import measurements

#: Attributes that set a member of the envelope and are no fields; the token of a record is not used, and never shown.
_METADATA = {
    "host.name": "host",
    "com.splunk.source": "source",
    "com.splunk.sourcetype": "sourcetype",
    "com.splunk.index": "index",
    "com.splunk.hec.access_token": "",
}
_RESERVED = frozenset({"host", "source", "sourcetype", "index", "time"})
_RESERVED_STARTS = ("_", "metric_name")  # Splunk's own fields, and measurements
_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_METRIC_TYPES = dict(zip(_KINDS, ("Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"), strict=True))

_to_json = msgspec.json.Encoder().encode

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """An event and the HEC objects it became: one, or for histograms and summaries several, or none.

    Attributes:
        event_id: the event's id.
        index: the index its objects name, None for the token's default.
        objects: their JSON.
    """

    event_id: str
    index: str | None
    objects: tuple[bytes, ...]


class Encoder:
    """Encodes events. Not for several threads.

    Args:
        defaults: members of the envelope (`host`, `source`, `sourcetype`, `index`) for events that do not say.
    """

    def __init__(self, defaults: Mapping[str, str]) -> None:
        self._defaults = dict(defaults)
        self._resource: Attributes | None = None
        self._metadata: dict[str, str] = {}
        self._fields: Fields = {}
        self._names: dict[str, str] = {}  # attribute -> field: the same few names come with every event

    def encode(self, event: Event) -> Record:
        """Return the objects of an event."""
        metadata, fields = self._of_resource(event.resource)
        if event.signal == "log" or event.metric is not None:
            self._collect(event.attributes, metadata, fields)
        envelope = {"time": hec_time(event.time_unix_nano)}
        envelope |= {key: metadata[key] for key in ("host", "source", "sourcetype", "index") if key in metadata}
        if event.metric is not None:
            objects = _metric_objects(event, envelope, fields)
        elif event.span is not None:
            objects = (_object(envelope, _span(event), _add_own(fields, {"beacon_id": event.id})),)
        else:
            objects = (_object(envelope, _text_of_log(event), _add_own(fields, _own_fields(event))),)
        return Record(event.id, metadata.get("index"), objects)

    def _of_resource(self, resource: Attributes) -> tuple[dict[str, str], Fields]:
        """Return copies of what a resource gives; events in a row share theirs, so it is read once."""
        if resource is not self._resource:
            self._resource, self._metadata, self._fields = resource, dict(self._defaults), {}
            self._collect(resource, self._metadata, self._fields)
        return dict(self._metadata), dict(self._fields)

    def _collect(self, attributes: Attributes, metadata: dict[str, str], fields: Fields) -> None:
        """Sort attributes into the envelope's metadata and flat fields."""
        names = self._names
        for name, value in attributes.items():
            if type(value) is str and name in names:  # nearly all: worth a way of their own
                fields[names[name]] = value
                continue
            member = _METADATA.get(name)
            if member is None:
                names[name] = _field_name(name)
                _flatten(name, value, fields)
            elif member and value not in (None, "") and not isinstance(value, list | dict):
                metadata[member] = _text(value)


def hec_time(time_unix_nano: int) -> str:
    """Return epoch seconds as decimal text; a float has no room for nanoseconds and may get an exponent."""
    seconds, nanos = divmod(time_unix_nano, 1_000_000_000)
    return f"{seconds}.{nanos:09d}"


def _object(envelope: dict[str, str], event: Any, fields: Fields) -> bytes:
    return _to_json({**envelope, "event": event, "fields": fields})


def _add_own(fields: Fields, own: Fields) -> Fields:
    """Add Beacon's own fields and return all; an attribute of the same name moves aside."""
    for name, value in own.items():
        if name in fields:
            fields[f"attr.{name}"] = fields[name]
        fields[name] = value
    return fields


# ---- logs ----


def _text_of_log(event: Event) -> AttributeValue:
    """Return what stands in `event`: the body; never blank or null, which Splunk refuses."""
    body = event.body
    if isinstance(body, float) and not math.isfinite(body):
        return str(body)
    if body is None or body in ("", b"", [], {}) or (isinstance(body, str) and not body.strip()):
        return event.name.strip() or "-"
    return body


def _own_fields(event: Event) -> Fields:
    own: Fields = {"beacon_id": event.id}
    if event.severity_text:
        own["otel.log.severity.text"] = event.severity_text
    if event.severity_number:
        own["otel.log.severity.number"] = str(event.severity_number)
    if event.name:
        own["otel.log.name"] = event.name
    if event.trace_id:
        own["trace_id"] = event.trace_id
    if event.span_id:
        own["span_id"] = event.span_id
    return own


# ---- spans ----


def _span(event: Event) -> dict[str, Any]:
    span = event.span
    assert span is not None  # noqa: S101 - the caller has looked
    value: dict[str, Any] = {
        "trace_id": event.trace_id,
        "span_id": event.span_id,
        "parent_span_id": span.parent_span_id,
        "name": event.name,
        "end_time": span.end_time_unix_nano,
        "kind": f"SPAN_KIND_{span.kind.upper()}",
        "status": {"message": span.status_message, "code": f"STATUS_CODE_{span.status_code.upper()}"},
        "start_time": event.time_unix_nano,
    }
    lists = {
        "attributes": event.attributes,
        "events": [
            {"attributes": each.attributes, "name": each.name, "timestamp": each.time_unix_nano} for each in span.events
        ],
        "links": [
            {
                "attributes": each.attributes,
                "trace_id": each.trace_id,
                "span_id": each.span_id,
                "trace_state": each.trace_state,
            }
            for each in span.links
        ],
    }
    return value | {name: content for name, content in lists.items() if content}


# ---- metrics ----


def _metric_objects(event: Event, envelope: dict[str, str], fields: Fields) -> tuple[bytes, ...]:
    metric = event.metric
    assert metric is not None  # noqa: S101 - the caller has looked
    own = {"beacon_id": event.id, "metric_type": _METRIC_TYPES[metric.kind]}
    if metric.temporality == "delta":
        own["temporality"] = "delta"
    shared = _add_own(fields, own)
    return tuple(
        _object(envelope, "metric", _add_own(dict(shared), dict(dimension)) | values)
        for dimension, values in measurements(event.name, metric)
    )


# ---- fields ----


def _field_name(name: str) -> str:
    return f"attr.{name}" if name in _RESERVED or name.startswith(_RESERVED_STARTS) else name


def _flatten(name: str, value: AttributeValue, fields: Fields) -> None:
    """Add one attribute: maps get dotted names, numbers become text, null is left out, nothing is nested."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{name}.{key}", inner, fields)
        return
    content = _list(value) if isinstance(value, list) else None if value is None else _text(value)
    if content is not None:
        fields[_field_name(name)] = content


def _list(values: list[AttributeValue]) -> list[str] | str | None:
    if any(isinstance(value, list | dict) for value in values):
        return _to_json(values).decode()
    return [_text(value) for value in values if value is not None] or None


def _text(value: AttributeValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
