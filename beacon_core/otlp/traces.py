"""Spans to events (trace.proto)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from beacon_core.event import Event, Span, SpanEvent, SpanLink
from beacon_core.otlp.wire import Message, Wire, unsigned

SpanKind: TypeAlias = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
StatusCode: TypeAlias = Literal["unset", "ok", "error"]

_KINDS: tuple[SpanKind, ...] = ("unspecified", "internal", "server", "client", "producer", "consumer")
_KIND_NAMES = {f"SPAN_KIND_{word.upper()}": place for place, word in enumerate(_KINDS)}
_CODES: tuple[StatusCode, ...] = ("unset", "ok", "error")
_CODE_NAMES = {f"STATUS_CODE_{word.upper()}": place for place, word in enumerate(_CODES)}


def add_spans(request: Message, wire: Wire, events: list[Event], prefix: str, received: int) -> None:
    """Append one event for each span of an ExportTraceServiceRequest."""
    for resource, scope, spans in wire.scopes(request, "resource_spans", "scope_spans", "spans"):
        for span in spans:
            events.append(
                Event(
                    id=f"{prefix}{len(events)}",
                    signal="span",
                    name=span.name or "",
                    time_unix_nano=unsigned(span.start_time_unix_nano) or wire.missing_time(received),
                    attributes=wire.attributes(span.attributes),
                    resource=resource,
                    scope=scope,
                    trace_id=wire.identifier(span.trace_id, 16),
                    span_id=wire.identifier(span.span_id, 8),
                    flags=span.flags or 0,
                    dropped_attributes_count=span.dropped_attributes_count or 0,
                    span=_span(span, wire),
                )
            )


def _span(span: Message, wire: Wire) -> Span:
    status = span.status
    return Span(
        parent_span_id=wire.identifier(span.parent_span_id, 8),
        trace_state=span.trace_state or "",
        kind=_kind(span, wire),
        end_time_unix_nano=unsigned(span.end_time_unix_nano),
        status_code=wire.word(status.code, _CODE_NAMES, _CODES) if status else "unset",
        status_message=(status and status.message) or "",
        events=[_span_event(item, wire) for item in span.events or ()],
        links=[_link(item, wire) for item in span.links or ()],
        dropped_events_count=span.dropped_events_count or 0,
        dropped_links_count=span.dropped_links_count or 0,
    )


def _kind(span: Message, wire: Wire) -> SpanKind:
    number = wire.enum(span.kind, _KIND_NAMES)
    # UNSPECIFIED is read as INTERNAL, as trace.proto allows; `unspecified` is left for kinds that are newer than this.
    return wire.word(number, _KIND_NAMES, _KINDS) if number else "internal"


def _span_event(item: Message, wire: Wire) -> SpanEvent:
    return SpanEvent(
        name=item.name or "",
        time_unix_nano=unsigned(item.time_unix_nano),
        attributes=wire.attributes(item.attributes),
        dropped_attributes_count=item.dropped_attributes_count or 0,
    )


def _link(item: Message, wire: Wire) -> SpanLink:
    return SpanLink(
        trace_id=wire.identifier(item.trace_id, 16),
        span_id=wire.identifier(item.span_id, 8),
        trace_state=item.trace_state or "",
        attributes=wire.attributes(item.attributes),
        dropped_attributes_count=item.dropped_attributes_count or 0,
        flags=item.flags or 0,
    )
