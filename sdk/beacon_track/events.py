"""The events: what each has, and how it becomes a log record of OpenTelemetry [T1].

`ATTRIBUTES` and `RESOURCE` name everything that is ever sent, beside attributes that the application's author adds,
which stand below the application's name. The privacy page lists the same, and a test holds it to that.
"""

from __future__ import annotations

import time

from beacon_track import device, otlp, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    Kind = Literal["session.start", "session.end", "step", "agent.tool", "agent.llm", "command", "crash"]

#: Version of what an event has; a new major number when something changes its meaning.
SCHEMA_VERSION = "1.0"
ATTRIBUTES = frozenset(
    (
        *(
            "log.record.uid",
            "session.id",
            "beacon.schema.version",
            "beacon.event.kind",
            "beacon.event.action",
            "beacon.start_time_unix_nano",
        ),
        *("beacon.duration_ms", "beacon.outcome", "process.exit.code", "error.type"),
        *("beacon.command.name", "beacon.command.flags", "beacon.step.name"),
        *("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.provider.name", "gen_ai.request.model"),
        *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        *("exception.type", "exception.message", "exception.stacktrace", "beacon.crash.source"),
    )
)
RESOURCE = frozenset(
    (
        *("service.name", "service.version", "app.installation.id"),
        *("telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"),
        *("os.type", "host.arch", "process.runtime.name", "process.runtime.version"),
        *("beacon.origin", "beacon.run.provider", "beacon.run.agent.name"),
    )
)
#: Limits of single texts, where they are not those of all [T5].
_LIMITS = {"exception.stacktrace": 4096}
#: Attributes of an author's own, and members of a list, at most.
_MAX_OWN = 32
_MAX_LIST = 64
_NANO = 1_000_000
#: What the pipeline's `canonicalize` calls the calls of tools and models: when they succeed, and when they do not.
_ACTIONS = {"agent.tool": ("tool.completed", "tool.failed"), "agent.llm": ("token.usage", "session.error")}
#: Severity numbers of OpenTelemetry.
_INFO, _ERROR = 9, 17


class Event:
    """Something that happened. Nothing in it has been sanitized yet: that is for `record`.

    Attributes:
        kind: what it is; the name of the log record.
        id: a random UUID.
        ended: when it was over, nanoseconds since 1970 in UTC.
        duration_ms: how long it took; nothing for a moment.
        attributes: by their full names.
    """

    __slots__ = ("attributes", "duration_ms", "ended", "id", "kind")

    def __init__(self, kind: Kind, attributes: Mapping[str, object], duration_ms: int | None = None) -> None:
        self.kind = kind
        self.id = device.new_uuid()
        self.ended = time.time_ns()
        self.duration_ms = duration_ms
        self.attributes = attributes


def record(event: Event, session_id: str, app: str) -> dict[str, Any]:
    """Return an event as a LogRecord of OTLP/JSON; every text has passed `sanitize.clean` [T6]."""
    attributes: dict[str, object] = {
        "log.record.uid": event.id,
        "session.id": session_id,
        "beacon.schema.version": SCHEMA_VERSION,
        "beacon.event.kind": "cli_command",
    }
    if event.duration_ms is not None:  # start = end - duration, whatever the wall clock did meanwhile
        attributes["beacon.start_time_unix_nano"] = event.ended - event.duration_ms * _NANO
        attributes["beacon.duration_ms"] = event.duration_ms
    attributes.update(event.attributes)
    failed = attributes.get("beacon.outcome", "success") not in ("success", "cancelled")
    if event.kind in _ACTIONS:
        attributes["beacon.event.action"] = _ACTIONS[event.kind][failed]
    cleaned = clean_attributes(attributes, app)
    return {
        "timeUnixNano": str(event.ended),
        "observedTimeUnixNano": str(event.ended),
        "severityNumber": _ERROR if failed else _INFO,
        "severityText": "ERROR" if failed else "INFO",
        "eventName": event.kind,
        "body": {"stringValue": _sentence(event.kind, cleaned)},
        "attributes": otlp.pairs(cleaned),
    }


def clean_attributes(attributes: Mapping[str, object], app: str) -> dict[str, otlp.Value]:
    """Return attributes of known names, and an author's own below the application's name, with clean values."""
    cleaned: dict[str, otlp.Value] = {}
    own = 0
    for name, value in attributes.items():
        key = name
        if name not in ATTRIBUTES and name not in RESOURCE:
            own += 1
            key = f"{app}.{sanitize.clean(name, 64)}"
        kept = _clean_value(name, value)
        if kept is not None and own <= _MAX_OWN:
            cleaned[key] = kept
    return cleaned


def sentence(event: Event) -> str:
    """Return an event in a few clean words: what happened to what, how it ended and how long it took."""
    took = {} if event.duration_ms is None else {"beacon.duration_ms": event.duration_ms}
    return _sentence(event.kind, clean_attributes({**event.attributes, **took}, ""))


def _sentence(kind: str, attributes: Mapping[str, otlp.Value]) -> str:
    names = ("beacon.command.name", "beacon.step.name", "gen_ai.tool.name", "gen_ai.request.model", "exception.type")
    subject = next((str(attributes[name]) for name in names if name in attributes), "")
    words = [kind, subject, str(attributes.get("beacon.outcome", ""))]
    if "beacon.duration_ms" in attributes:
        words.append(f"{attributes['beacon.duration_ms']} ms")
    return " ".join(word for word in words if word)


def _clean_value(name: str, value: object) -> otlp.Value | None:
    """Return a value that can be sent, or nothing: objects of other types could be anything, and are not asked."""
    if isinstance(value, str):
        return (
            "[REDACTED:sensitive-key]"
            if sanitize.is_sensitive(name)
            else sanitize.clean(value, _LIMITS.get(name, 1024))
        )
    if isinstance(value, (bool, int)):
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return value if value - value == 0 else None  # neither infinite nor NaN, which JSON does not have
    if isinstance(value, (list, tuple)):
        parts = [_clean_value(name, each) for each in value[:_MAX_LIST] if isinstance(each, str)]
        return [part for part in parts if isinstance(part, str)]
    return None
