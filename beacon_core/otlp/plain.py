"""Requests that hold nothing unusual, read by `beacon-native`: nearly all, in a fraction of the time.

What is to be noted about such a request is what coding agents do all the time: log records have no time of their own
(Codex CLI), or values that say nothing (Gemini CLI). Whatever else is, and every error, is found by the `Wire` of the
encoding, which reads all that is left to it here from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Attributes, Event, Scope, Span, SpanEvent
from beacon_core.native import native
from beacon_core.otlp.wire import remember

_protobuf: Any = native("otlp")
_json: Any = native("otlp_json")


def plain_events(
    path: str, body: bytes, encoding: str, prefix: str, received_unix_nano: int
) -> tuple[list[Event], dict[str, int]] | None:
    """Return the events of a request and what is noted about it; None if it has none, or takes a closer look.

    Args:
        path: `/v1/logs` or `/v1/traces`; metrics are few, and left to the other reader.
        body: the message.
        encoding: what it is written in, `protobuf` or `json`.
        prefix: what ids of events begin with.
        received_unix_nano: the time of log records that have none.
    """
    plain = _ENCODINGS.get(encoding)
    return plain.events(path, body, prefix, received_unix_nano) if plain and path != "/v1/metrics" else None


class _Plain:
    """One encoding.

    Args:
        reader: reads a request.
        resource: reads a Resource, of which the attributes count. Raises the reader's `UnusualError`.
        scope: reads an InstrumentationScope, likewise.
    """

    def __init__(self, reader: Any, resource: Callable[[bytes], Scope], scope: Callable[[bytes], Scope]) -> None:
        self._reader = reader
        self._read_resource = resource
        self._read_scope = scope
        #: What earlier requests had.
        self._resources: dict[tuple[object, bytes], Attributes] = {}
        self._scopes: dict[tuple[object, bytes], Scope] = {}

    def events(self, path: str, body: bytes, prefix: str, received: int) -> tuple[list[Event], dict[str, int]] | None:
        reader = self._reader(
            body,
            prefix,
            event=Event,
            span=Span,
            span_event=SpanEvent,
            resource=self._resource,
            scope=self._scope,
            received=received,
        )
        events: list[Event] | None = reader.logs() if path == "/v1/logs" else reader.spans()
        if events is None:
            return None
        notes = {"time_missing": reader.untimed, "empty_value": reader.empty}
        return events, {name: count for name, count in notes.items() if count}

    def _resource(self, message: bytes) -> Attributes:
        key = ("", message)
        found = self._resources.get(key)
        if found is None:
            found = self._read_resource(message).attributes
            remember(self._resources, key, found)
        return found

    def _scope(self, message: bytes, schema_url: str) -> Scope | None:
        key = (schema_url, message)
        found = self._scopes.get(key)
        if found is None:
            found = msgspec.structs.replace(self._read_scope(message), schema_url=schema_url)
            remember(self._scopes, key, found)
        return found if found != _NO_SCOPE else None


_NO_SCOPE = Scope()
_RESOURCE_ATTRIBUTES, _SCOPE_ATTRIBUTES = 1, 3  # field numbers in protobuf (resource.proto, common.proto)


def _protobuf_resource(message: bytes) -> Scope:
    return _protobuf_part(message, _RESOURCE_ATTRIBUTES)


def _protobuf_scope(message: bytes) -> Scope:
    return _protobuf_part(message, _SCOPE_ATTRIBUTES)


def _protobuf_part(message: bytes, field: int) -> Scope:
    attributes, name, version = _protobuf.attributes(message, field)
    return Scope(name=name, version=version, attributes=attributes)


def _json_part(message: bytes) -> Scope:
    from beacon_core.otlp.json_wire import JsonWire  # noqa: PLC0415 - loaded with the first request

    wire = JsonWire()
    try:
        found = wire.part(message or b"{}")
    except InvalidDataError:
        raise _json.UnusualError from None
    if wire.notes:
        raise _json.UnusualError
    return found


_ENCODINGS: dict[str, _Plain] = {}
if _protobuf is not None:
    _ENCODINGS["protobuf"] = _Plain(_protobuf.Reader, _protobuf_resource, _protobuf_scope)
if _json is not None:
    _ENCODINGS["json"] = _Plain(_json.Reader, _json_part, _json_part)
