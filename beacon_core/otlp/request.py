"""One OTLP request to one batch of events."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Batch, Event, content_id
from beacon_core.otlp.logs import add_logs
from beacon_core.otlp.metrics import add_metrics
from beacon_core.otlp.plain import plain_events
from beacon_core.otlp.traces import add_spans
from beacon_core.otlp.wire import Wire

Encoding: TypeAlias = Literal["protobuf", "json"]

#: The encodings and the media types that stand for them in `Content-Type`.
MEDIA_TYPES: dict[Encoding, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}

_ADD = {"/v1/logs": add_logs, "/v1/metrics": add_metrics, "/v1/traces": add_spans}

#: The paths of the requests, one a signal.
PATHS = tuple(_ADD)

#: What a sender of misspelt (snake_case) fields leaves behind; only then is it worth looking for them.
_SUSPICIOUS = {"time_missing", "empty_value", "value_missing", "metric_without_data"}


class Decoded(msgspec.Struct, frozen=True):
    """What a request held.

    Attributes:
        batch: its records as events, in document order; may be empty.
        warning: what the sender's developer should know although everything was accepted; mostly empty.
        notes: how often something was put up with, by name: `duplicate_attribute`, `empty_value`, `enum_name`,
            `enum_unknown`, `invalid_id`, `lone_surrogate`, `time_missing`, `unknown_fields`, `value_missing` ...
    """

    batch: Batch
    warning: str
    notes: dict[str, int]


def decode_request(path: str, body: bytes, *, encoding: Encoding, received_unix_nano: int) -> Decoded:
    """Decode the body of an OTLP request. Any thread.

    Args:
        path: `/v1/logs`, `/v1/metrics` or `/v1/traces`.
        body: the message, no longer compressed. For gRPC: without the frame around it.
        encoding: what the body is written in.
        received_unix_nano: the time of records that say none.

    Raises:
        InvalidDataError: with the reason and, where it is known, the position; never with a piece of the body.
    """
    if path not in _ADD:
        raise InvalidDataError(f"an OTLP path is one of {', '.join(PATHS)}")
    batch_id = content_id(path.encode(), MEDIA_TYPES[encoding].encode(), body)
    plain = plain_events(path, body, encoding, f"{batch_id}-", received_unix_nano)
    if plain is not None:
        events, notes = plain
        return Decoded(Batch(batch_id, tuple(events)), "", notes)
    return decode_closely(path, body, encoding, batch_id, received_unix_nano)


def decode_closely(path: str, body: bytes, encoding: Encoding, batch_id: str, received_unix_nano: int) -> Decoded:
    """Decode any request, plain or not; as above."""
    events: list[Event] = []
    try:
        wire = _wire(encoding)
        request = wire.parse(path, body)
        _ADD[path](request, wire, events, f"{batch_id}-", received_unix_nano)
    except InvalidDataError as error:
        where = f"record {len(events)}: " if events else ""
        raise InvalidDataError(f"{path[4:]}: {where}{error}") from None
    except RecursionError:
        raise InvalidDataError(f"{path[4:]}: nested too deeply") from None
    warning = ""
    if not events or not _SUSPICIOUS.isdisjoint(wire.notes):
        warning = wire.unknown_fields(path, request, body)
        if warning:
            wire.note("unknown_fields")
    return Decoded(Batch(batch_id, tuple(events)), warning, wire.notes)


def _wire(encoding: Encoding) -> Wire:
    # Each encoding costs an import (protobuf messages 50 ms) that a session with the other one does not need.
    if encoding == "json":
        from beacon_core.otlp.json_wire import JsonWire  # noqa: PLC0415 - loaded with the first request

        return JsonWire()
    from beacon_core.otlp.protobuf_wire import ProtobufWire  # noqa: PLC0415 - loaded with the first request

    return ProtobufWire()
