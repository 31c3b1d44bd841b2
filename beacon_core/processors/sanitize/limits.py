"""Keeps events within their size (behaviour S6): only what has been redacted gets here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Event
from beacon_core.processors.sanitize.actions import TRUNCATED
from beacon_core.processors.sanitize.walk import Change, Rewriter

#: Length to which the texts of an event are cut that is too large, in characters.
SHORT = 1024

_RAW = "beacon.raw"
_DETAIL = re.compile(r"beacon\.raw|(?:gen_ai|mcp)\..*|(?:.*[._])?path", re.DOTALL)
_encode = msgspec.msgpack.Encoder().encode


def fit_details(events: Sequence[Event], shorten: Callable[[str], Change | None]) -> list[Event]:
    """Return events whose details are short enough: `beacon.raw`, `gen_ai.*`, `mcp.*`, and paths.

    Args:
        events: any events.
        shorten: what becomes of a detail that is too long.
    """
    done = []
    for event in events:
        new = {
            key: Rewriter(shorten, None).value(value)
            for key, value in event.attributes.items()
            if not isinstance(value, int | float) and _DETAIL.fullmatch(key)
        }
        if any(value is not event.attributes[key] for key, value in new.items()):
            attributes = {**event.attributes, **new, TRUNCATED: True}
            event = msgspec.structs.replace(event, attributes=attributes)  # noqa: PLW2901 - the same event, shorter
        done.append(event)
    return done


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
        smaller = Rewriter(shorten, None).record(smaller)
    if size(smaller) > limit:
        raise InvalidDataError(f"an event is larger than {limit} bytes even with its texts cut; raise max_event_bytes")
    return smaller
