"""Events as HEC objects: the envelope, indexed fields, spans and metrics, as the Collector's exporter writes them.

Splunk, "Format events for HTTP Event Collector" and "Get metrics in from other sources". Only the seven keys of the
envelope may stand at the top level: Splunk drops everything behind an unknown one and answers 200.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from beacon_core import Attributes, AttributeValue, Event, JsonForm
from beacon_splunk.fields import Fields, field_name, flat, flatten, text
from beacon_splunk.layout import MEMBERS, Layout, Metadata
from beacon_splunk.metrics import measurements
from beacon_splunk.plain import plain_form

HecObject: TypeAlias = dict[str, Any]

_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_METRIC_TYPES = dict(zip(_KINDS, ("Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"), strict=True))


_to_json_into = msgspec.json.Encoder().encode_into
_AT_THE_END = -1


class Record(msgspec.Struct, frozen=True, gc=False):
    """An event in a body.

    Attributes:
        event_id: the event's id.
        index: the index its objects name, None for the token's default.
        objects: how many it became: one, or for histograms and summaries several.
        largest: bytes of the largest of them.
    """

    event_id: str
    index: str | None
    objects: int
    largest: int


@dataclass(frozen=True, slots=True)
class Plain:
    """How the plain logs of a resource are written, and to which index they go, None for the token's default."""

    form: JsonForm
    index: str | None


class Body:
    """The body of one request: HEC objects, one a line.

    Every object is encoded behind the others. As a `bytes` object each of them would cost twice as much, most of it for
    memory that has to be had from the system and is given back.

    Attributes:
        text: the objects.
        records: the events they were made of, in order.
    """

    def __init__(self) -> None:
        self.text = bytearray()
        self.records: list[Record] = []

    def add(self, event_id: str, index: str | None, objects: Sequence[HecObject], largest: int) -> bool:
        """Add an event, unless one of its objects takes more than `largest` bytes; say whether it was added."""
        text = self.text
        before = len(text)
        most = 0
        for each in objects:
            if text:
                text += b"\n"
            begin = len(text)
            _to_json_into(each, text, _AT_THE_END)
            most = max(most, len(text) - begin)
        if most > largest:
            del text[before:]
            return False
        self.records.append(Record(event_id, index, len(objects), most))
        return True

    def add_plain(self, plain: Plain, events: tuple[Event, ...], first: int, largest: int) -> int:
        """Add plain logs from the first on, until an event is none; return how many."""
        sizes = plain.form.write(self.text, events, first, largest)
        index = plain.index
        self.records += [
            Record(event.id, index, 1, size)
            for event, size in zip(events[first : first + len(sizes)], sizes, strict=True)
        ]
        return len(sizes)


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
        self._plain_logs: Plain | None = None  # of the resource
        self._shared: dict[bool, dict[str, str]] = {}  # members that events of the resource share, by "is a metric"
        self._names: dict[str, str] = {}  # attribute -> field: the same few names come with every event
        self._plain: set[str] = set()  # of these, the names that stay as they are

    def plain(self, event: Event) -> Plain | None:
        """Return how an event and those behind it are written if they are plain logs; None if that is not known."""
        if event.resource is not self._resource:  # events in a row share theirs, so it is read once
            self._read_resource(event)
        return self._plain_logs

    def encode(self, event: Event) -> tuple[str | None, tuple[HecObject, ...]]:
        """Return the index that an event is for, None for the token's default, and its objects, which may be none."""
        if event.resource is not self._resource:
            self._read_resource(event)
        metadata, fields = self._metadata, self._fields.copy()
        if (event.signal == "log" or event.metric is not None) and not self._add_plain(event.attributes, fields):
            metadata, fields = metadata.copy(), self._fields.copy()
            self._collect(event.attributes, metadata, fields)
        envelope = self._envelope(event, metadata)
        if event.metric is not None:
            objects = self._metric_objects(event, envelope, fields)
        elif event.span is not None:
            envelope["event"] = _span(event)
            envelope["fields"] = _add_own(fields, {"beacon_id": event.id})
            objects = (envelope,)
        else:
            envelope["event"] = _text_of_log(event)
            envelope["fields"] = _add_own(fields, self._own_fields(event))
            objects = (envelope,)
        return envelope.get("index"), objects

    def _envelope(self, event: Event, metadata: dict[str, str]) -> HecObject:
        """Return the envelope without `event` and `fields`: what the event says, else a template, else an option."""
        is_metric = event.metric is not None
        given = self._layout.metrics if is_metric else self._layout.events
        members = None
        if metadata is self._metadata and not given.templates:  # nothing in it is the event's own but the time
            members = self._shared.get(is_metric)
        if members is None:
            members = _members(event, metadata, given)
            if metadata is self._metadata and not given.templates:
                self._shared[is_metric] = members
        return {"time": hec_time(event.time_unix_nano), **members}

    def _read_resource(self, event: Event) -> None:
        self._resource, self._metadata, self._fields, self._shared = event.resource, {}, {}, {}
        self._plain_logs = None
        self._collect(event.resource, self._metadata, self._fields)
        if not self._layout.events.templates:  # else each event may have members of its own
            members = _members(event, self._metadata, self._layout.events)
            form = plain_form(self._layout, members, self._fields)
            self._plain_logs = None if form is None else Plain(form, members.get("index"))

    def _add_plain(self, attributes: Attributes, fields: Fields) -> bool:
        """Add attributes whose names stay as they are, all at once; say whether they were such."""
        if not self._plain.issuperset(attributes):
            return False
        fields.update(attributes)  # a quarter of what one by one costs; then only what is no text is gone through
        for name, value in [item for item in attributes.items() if type(item[1]) is not str]:
            kind = type(value)
            if kind is int or kind is float:
                fields[name] = str(value)
                continue
            content = None if kind is dict else flat(value)
            if content is not None:
                fields[name] = content
            elif name in self._fields:
                fields[name] = self._fields[name]
            else:
                del fields[name]
            if kind is dict:
                members: Fields = {}
                flatten(name, value, members)
                if name != next(reversed(attributes)) or not members.keys().isdisjoint(attributes):
                    return False  # members stand where their map does, and of two fields with one name the later counts
                fields |= members
        return True

    def _collect(self, attributes: Attributes, metadata: dict[str, str], fields: Fields) -> None:
        """Sort attributes into the envelope's metadata and flat fields."""
        names, members = self._names, self._layout.members
        for name, value in attributes.items():
            if type(value) is str and name in names:
                fields[names[name]] = value
                continue
            member = members.get(name)
            if member is None:
                names[name] = field_name(name)
                if names[name] == name:
                    self._plain.add(name)
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

    def _metric_objects(self, event: Event, envelope: HecObject, fields: Fields) -> tuple[HecObject, ...]:
        metric = event.metric
        assert metric is not None  # noqa: S101 - the caller has looked
        own = {"beacon_id": event.id, "metric_type": _METRIC_TYPES[metric.kind]}
        if metric.temporality == "delta":
            own["temporality"] = "delta"
        shared = _add_own(fields, own)
        return tuple(
            {**envelope, "event": "metric", "fields": _add_own(dict(shared), dict(dimension)) | values}
            for dimension, together in measurements(event.name, metric)
            for values in ([together] if self._layout.multi_metric else [{n: v} for n, v in together.items()])
        )


def hec_time(time_unix_nano: int) -> str:
    """Return epoch seconds as decimal text; a float has no room for nanoseconds and may get an exponent."""
    digits = str(time_unix_nano).zfill(10)
    return f"{digits[:-9]}.{digits[-9:]}"


def _members(event: Event, metadata: dict[str, str], given: Metadata) -> dict[str, str]:
    """Return the envelope's members but the time; what the options give is in `given`."""
    found: dict[str, str] = {}
    for member in MEMBERS:
        value = metadata.get(member)
        if value is None and member in given.templates:
            value = given.templates[member].fill(event.attributes, event.resource)
        value = value or given.constants.get(member)
        if value:
            found[member] = value
    return found


def _add_own(fields: Fields, own: Fields) -> Fields:
    """Add Beacon's own fields and return all; an attribute of the same name moves aside."""
    if fields.keys().isdisjoint(own):
        fields |= own
        return fields
    for name, value in own.items():
        if name in fields:
            fields[f"attr.{name}"] = fields[name]
        fields[name] = value
    return fields


# ---- logs ----


def _text_of_log(event: Event) -> AttributeValue:
    """Return what stands in `event`: the body; never blank or null, which Splunk refuses."""
    body = event.body
    if type(body) is str and body and not body[0].isspace():
        return body
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
