"""Requests that hold nothing unusual, read by `beacon-native`: nearly all, in a sixth of the time.

There is nothing to be noted about such a request, so whatever is, and every error, is found by the `Wire` of its
encoding, which reads all that is left to it here from the beginning.
"""

from __future__ import annotations

from typing import Any

from beacon_core.event import Attributes, Event, Scope, Span, SpanEvent
from beacon_core.native import native
from beacon_core.otlp.wire import remember

_native: Any = native("otlp")
_RESOURCE_ATTRIBUTES, _SCOPE_ATTRIBUTES = 1, 3  # field numbers (resource.proto, common.proto)


def plain_events(path: str, body: bytes, prefix: str) -> list[Event] | None:
    """Return the events of a request in protobuf; None if it has none, or something that takes a closer look.

    Args:
        path: `/v1/logs` or `/v1/traces`; metrics are few, and left to the other reader.
        body: the message.
        prefix: what ids of events begin with.
    """
    if _native is None or path == "/v1/metrics":
        return None
    reader = _native.Reader(
        body, prefix, event=Event, span=Span, span_event=SpanEvent, resource=_resource, scope=_scope
    )
    events: list[Event] | None = reader.logs() if path == "/v1/logs" else reader.spans()
    return events


#: What earlier requests had.
_resources: dict[tuple[object, bytes], Attributes] = {}
_scopes: dict[tuple[object, bytes], Scope] = {}
_NO_SCOPE = Scope()


def _resource(message: bytes) -> Attributes:
    key = ("", message)
    found = _resources.get(key)
    if found is None:
        found, _, _ = _native.attributes(message, _RESOURCE_ATTRIBUTES)
        remember(_resources, key, found)
    return found


def _scope(message: bytes, schema_url: str) -> Scope | None:
    key = (schema_url, message)
    found = _scopes.get(key)
    if found is None:
        attributes, name, version = _native.attributes(message, _SCOPE_ATTRIBUTES)
        found = Scope(name=name, version=version, attributes=attributes, schema_url=schema_url)
        if found == _NO_SCOPE:
            return None
        remember(_scopes, key, found)
    return found
