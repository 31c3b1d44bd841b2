"""Keeps events within their size (behaviour S6): only what has been redacted gets here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Event
from beacon_core.processors.sanitize.walk import Change, Rewriter

#: Attribute of an event of which something was cut.
TRUNCATED = "beacon.truncated"
#: Length to which the texts of an event are cut that is too large, in characters.
SHORT = 1024

_RAW = "beacon.raw"
_encode = msgspec.msgpack.Encoder().encode


def size(event: Event) -> int:
    """Return the bytes of an event as queues store it, without its resource and scope."""
    return len(_encode(msgspec.structs.replace(event, resource={}, scope=None)))


def fit(event: Event, limit: int, shorten: Callable[[str], Change | None]) -> Event:
    """Return an event of at most `limit` bytes.

    Args:
        event: any event.
        limit: bytes.
        shorten: what becomes of a text that is too long for such an event.

    Raises:
        InvalidDataError: if it is larger even then; the core drops it and counts that.
    """
    if size(event) <= limit:
        return event
    attributes = {**event.attributes, TRUNCATED: True}
    attributes.pop(_RAW, None)
    smaller = msgspec.structs.replace(event, attributes=attributes)
    if size(smaller) > limit:
        smaller = Rewriter(shorten, ()).record(smaller)
    if size(smaller) > limit:
        raise InvalidDataError(f"an event is larger than {limit} bytes even with its texts cut; raise max_event_bytes")
    return smaller
