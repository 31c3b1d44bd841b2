"""Log records to events (logs.proto)."""

from __future__ import annotations

from beacon_core.event import Event
from beacon_core.otlp.wire import MAX_UINT64, Message, Wire, unsigned

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
SEVERITIES = {"SEVERITY_NUMBER_UNSPECIFIED": 0} | {
    f"SEVERITY_NUMBER_{level}{step + 1 if step else ''}": 1 + 4 * place + step
    for place, level in enumerate(_LEVELS)
    for step in range(4)
}


def add_logs(request: Message, wire: Wire, events: list[Event], prefix: str, received: int) -> None:
    """Append one event for each log record of an ExportLogsServiceRequest."""
    for resource, scope, records in wire.scopes(request, "resource_logs", "scope_logs", "log_records"):
        for record in records:
            attributes = wire.attributes(record.attributes)
            observed = record.observed_time_unix_nano or 0
            time = record.time_unix_nano or wire.missing_time(observed or received)
            if time > MAX_UINT64 or observed > MAX_UINT64:
                unsigned(max(time, observed))
            name = record.event_name or attributes.get("event.name")
            body, trace_id, span_id = record.body, record.trace_id, record.span_id
            events.append(
                Event(
                    id=f"{prefix}{len(events)}",
                    signal="log",
                    name=name if isinstance(name, str) else "",
                    time_unix_nano=time,
                    observed_time_unix_nano=observed,
                    severity_text=record.severity_text or "",
                    severity_number=wire.enum(record.severity_number, SEVERITIES),
                    body=(body and body.string_value) or wire.value(body),
                    attributes=attributes,
                    resource=resource,
                    scope=scope,
                    trace_id=wire.identifier(trace_id, 16) if trace_id else "",
                    span_id=wire.identifier(span_id, 8) if span_id else "",
                    flags=record.flags or 0,
                    dropped_attributes_count=record.dropped_attributes_count or 0,
                )
            )
