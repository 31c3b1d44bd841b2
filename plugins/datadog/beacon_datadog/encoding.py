"""Events as Datadog log entries; metrics become entries only where a client token allows nothing else.

Datadog, "Send logs" and "Log attributes". Attributes stand under their own names; one that Datadog reserves is renamed
`_RESERVED_<name>`, so that telemetry cannot pose as something else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from beacon_core import Attributes, AttributeValue, Event

#: Datadog cuts an entry above 1 MB without saying so; this one is cut by Beacon, and says so.
MAX_ENTRY = 950_000
TRUNCATED = "beacon.truncated"
#: Bytes that a member keeps at least when an entry is cut.
SHORTEST_CUT = 1000

_RESERVED = frozenset(
    {
        *("message", "ddsource", "ddtags", "host", "hostname", "service", "status", "trace_id", "span_id"),
        *("timestamp", "date", "_timestamp", "Timestamp", "eventTime", "published_date"),
        *("dd.trace_id", "dd.span_id", "otel.timestamp", "otel.span", "otel.metric", "beacon_id", TRUNCATED),
    }
)
_KEPT = frozenset({"timestamp", "otel.timestamp", "beacon_id", TRUNCATED})  # whole, however large the rest is
_MOVED = frozenset({"service.name", "host.name"})  # they are `service` and `hostname`
_STATUSES = ("trace", "debug", "info", "warn", "error", "fatal")

_to_json = msgspec.json.Encoder().encode

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a resource says about where events come from."""

    service: str | None
    hostname: str | None
    tags: tuple[str, ...]


@dataclass(slots=True)
class Encoder:
    """Encodes events. Not for several threads.

    Attributes:
        ddsource: as in the options.
        defaults: for events that do not say.
        renamed: how many attributes had a reserved name.
        truncated: how many entries were cut.
    """

    ddsource: str
    defaults: Origin
    renamed: int = 0
    truncated: int = 0
    _resource: Attributes | None = field(default=None, init=False)
    _shared: Entry = field(default_factory=dict, init=False)

    def encode(self, event: Event) -> bytes:
        """Return the entry of an event as JSON, below Datadog's limit."""
        if event.resource is not self._resource:  # events in a row share theirs
            self._resource, self._shared = event.resource, self._of_resource(event.resource)
        entry = {"message": _message(event)} | self._shared | self._attributes(event.attributes) | _own(event)
        encoded = _to_json(entry)
        if len(encoded) > MAX_ENTRY:
            self.truncated += 1
            encoded = cut(entry)
        return encoded

    def _of_resource(self, resource: Attributes) -> Entry:
        source = origin(resource, self.defaults)
        entry: Entry = {"ddsource": self.ddsource}
        if source.tags:
            entry["ddtags"] = ",".join(source.tags)
        if source.hostname:
            entry["hostname"] = source.hostname
        if source.service:
            entry["service"] = source.service
        return entry | self._attributes({key: value for key, value in resource.items() if key not in _MOVED})

    def _attributes(self, attributes: Attributes) -> Attributes:
        if _RESERVED.isdisjoint(attributes):
            return attributes
        self.renamed += len(_RESERVED & attributes.keys())
        return {f"_RESERVED_{key}" if key in _RESERVED else key: value for key, value in attributes.items()}


def origin(resource: Attributes, defaults: Origin) -> Origin:
    """Return service, host and tags of a resource; the environment and the version are tags of their own."""
    tags = list(defaults.tags)
    for tag, name in (("env", "deployment.environment.name"), ("version", "service.version")):
        value = resource.get(name)
        if isinstance(value, str | int | float) and value != "":
            tags.append(f"{tag}:{value}".replace(",", "_"))
    service, hostname = resource.get("service.name"), resource.get("host.name")
    return Origin(
        str(service) if service else defaults.service, str(hostname) if hostname else defaults.hostname, tuple(tags)
    )


def _message(event: Event) -> str:
    """Return the text of an entry: a structured body as JSON, the name where there is no body."""
    body = event.body
    if isinstance(body, str) and body.strip():
        return body
    if body is None or isinstance(body, str) or body in ([], {}):
        return event.name or "-"
    return _to_json(body).decode()


def _own(event: Event) -> Entry:
    own: Entry = {
        "timestamp": event.time_unix_nano // 1_000_000,
        "otel.timestamp": str(event.time_unix_nano),  # Datadog replaces a timestamp older than 18 hours
        "beacon_id": event.id,
    }
    if status := _status(event):
        own["status"] = status
    if event.trace_id:
        own["trace_id"] = event.trace_id
    if event.span_id:
        own["span_id"] = event.span_id
    if event.name and "event.name" not in event.attributes:
        own["event.name"] = event.name
    if event.span is not None:
        if "duration" not in event.attributes:
            own["duration"] = max(event.span.end_time_unix_nano - event.time_unix_nano, 0)  # nanoseconds: a facet
        own["otel.span"] = _plain(event.span)
    if event.metric is not None:
        own["otel.metric"] = _plain(event.metric)
    return own


def _plain(record: msgspec.Struct) -> AttributeValue:
    plain: AttributeValue = msgspec.to_builtins(record, builtin_types=(bytes,))
    return plain


def _status(event: Event) -> str:
    """Return the level as text: Datadog reads a number as a syslog level, which OpenTelemetry's are not."""
    if event.span is not None and event.span.status_code == "error":
        return "error"
    if 1 <= event.severity_number <= 24:  # noqa: PLR2004 - six groups of four
        return _STATUSES[(event.severity_number - 1) // 4]
    return event.severity_text


def cut(entry: Entry) -> bytes:
    """Return an entry that is too large as JSON below the limit, with the mark that says so.

    Structures that are too long are left out, then texts are cut to the greatest length that lets everything fit. Short
    members stay as they are, unless there are too many: then the last ones are left out.
    """
    entry = {**entry, TRUNCATED: True}
    sizes = {key: len(_to_json(key)) + len(_to_json(value)) + 2 for key, value in entry.items() if key not in _KEPT}
    room = MAX_ENTRY - len(_to_json({key: value for key, value in entry.items() if key in _KEPT}))
    longest = _level(sizes, room)
    for key in [key for key, size in sizes.items() if size > longest and not isinstance(entry[key], str)]:
        del entry[key], sizes[key]
    longest = _level(sizes, room)
    for key in [key for key, size in sizes.items() if size > longest]:
        around = len(_to_json(key)) + 2
        entry[key] = _shortened(entry[key], longest - around)
        sizes[key] = around + len(_to_json(entry[key]))
    excess = sum(sizes.values()) - room
    for key in reversed([key for key in sizes if key not in _RESERVED]):
        if excess <= 0:
            break
        excess -= sizes[key]
        del entry[key]
    return _to_json(entry)


def _level(sizes: Mapping[str, int], room: int) -> int:
    """Return the greatest length, but no less than `SHORTEST_CUT`, with which all fit into `room` if none is longer."""
    for position, size in enumerate(sorted(sizes.values())):
        share = room // (len(sizes) - position)
        if size > share:
            return max(share, SHORTEST_CUT)
        room -= size
    return MAX_ENTRY


def _shortened(text: str, room: int) -> str:
    """Return the longest beginning of `text` that takes at most `room` bytes as JSON."""
    length = bisect_right(range(1, len(text) + 1), room, key=lambda n: len(_to_json(text[:n])))
    return text[:length]
