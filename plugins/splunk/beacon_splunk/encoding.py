"""Events as HEC objects: the envelope, indexed fields, spans and metrics, as the Collector's exporter writes them.

Splunk, "Format events for HTTP Event Collector" and "Get metrics in from other sources". Only the seven keys of the
envelope may stand at the top level: Splunk drops everything behind an unknown one and answers 200.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from beacon_core import Attributes, AttributeValue, Event
from beacon_splunk.fields import Fields, field_name, flatten, text, to_json
from beacon_splunk.layout import MEMBERS, Layout
from beacon_splunk.metrics import measurements

_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_METRIC_TYPES = dict(zip(_KINDS, ("Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"), strict=True))


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
        layout: how objects are to look.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._resource: Attributes | None = None
        self._metadata: dict[str, str] = {}
        self._fields: Fields = {}
        self._names: dict[str, str] = {}  # attribute -> field: the same few names come with every event

    def encode(self, event: Event) -> Record:
        """Return the objects of an event."""
        metadata, fields = self._of_resource(event.resource)
        if event.signal == "log" or event.metric is not None:
            self._collect(event.attributes, metadata, fields)
        envelope = self._envelope(event, metadata)
        if event.metric is not None:
            objects = self._metric_objects(event, envelope, fields)
        elif event.span is not None:
            objects = (_object(envelope, _span(event), _add_own(fields, {"beacon_id": event.id})),)
        else:
            objects = (_object(envelope, _text_of_log(event), _add_own(fields, self._own_fields(event))),)
        return Record(event.id, envelope.get("index"), objects)

    def _envelope(self, event: Event, metadata: dict[str, str]) -> dict[str, str]:
        """Return the envelope without `event` and `fields`: what the event says, else a template, else an option."""
        given = self._layout.events if event.metric is None else self._layout.metrics
        for member, template in given.templates.items():
            if member not in metadata and (filled := template.fill(event.attributes, event.resource)):
                metadata[member] = filled
        envelope = {"time": hec_time(event.time_unix_nano)}
        for member in MEMBERS:
            value = metadata.get(member) or given.constants.get(member)
            if value:
                envelope[member] = value
        return envelope

    def _of_resource(self, resource: Attributes) -> tuple[dict[str, str], Fields]:
        """Return copies of what a resource gives; events in a row share theirs, so it is read once."""
        if resource is not self._resource:
            self._resource, self._metadata, self._fields = resource, {}, {}
            self._collect(resource, self._metadata, self._fields)
        return dict(self._metadata), dict(self._fields)

    def _collect(self, attributes: Attributes, metadata: dict[str, str], fields: Fields) -> None:
        """Sort attributes into the envelope's metadata and flat fields."""
        names, members = self._names, self._layout.members
        for name, value in attributes.items():
            if type(value) is str and name in names:  # nearly all: worth a way of their own
                fields[names[name]] = value
                continue
            member = members.get(name)
            if member is None:
                names[name] = field_name(name)
                flatten(name, value, fields)
            elif member and value not in (None, "") and not isinstance(value, list | dict):
                metadata[member] = text(value)

    def _own_fields(self, event: Event) -> Fields:
        own: Fields = {"beacon_id": event.id}
        if event.severity_text:
            own[self._layout.severity_text] = event.severity_text
        if event.severity_number:
            own[self._layout.severity_number] = str(event.severity_number)
        if event.name:
            own[self._layout.name] = event.name
        if event.trace_id:
            own["trace_id"] = event.trace_id
        if event.span_id:
            own["span_id"] = event.span_id
        return own

    def _metric_objects(self, event: Event, envelope: dict[str, str], fields: Fields) -> tuple[bytes, ...]:
        metric = event.metric
        assert metric is not None  # noqa: S101 - the caller has looked
        own = {"beacon_id": event.id, "metric_type": _METRIC_TYPES[metric.kind]}
        if metric.temporality == "delta":
            own["temporality"] = "delta"
        shared = _add_own(fields, own)
        return tuple(
            _object(envelope, "metric", _add_own(dict(shared), dict(dimension)) | values)
            for dimension, together in measurements(event.name, metric)
            for values in ([together] if self._layout.multi_metric else [{n: v} for n, v in together.items()])
        )


def hec_time(time_unix_nano: int) -> str:
    """Return epoch seconds as decimal text; a float has no room for nanoseconds and may get an exponent."""
    seconds, nanos = divmod(time_unix_nano, 1_000_000_000)
    return f"{seconds}.{nanos:09d}"


def _object(envelope: dict[str, str], event: Any, fields: Fields) -> bytes:
    return to_json({**envelope, "event": event, "fields": fields})


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
