"""Paths with places in them, such as `out/{service.name}/{date}.jsonl`, filled from events that nobody vouches for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from beacon_core import AttributeValue, Event

#: What stands for an attribute that an event does not have, or that is blank, a list, a map or bytes.
FALLBACK = "unknown"

#: Bytes of one value in a name at most.
MAX_VALUE = 64

_PLACE = re.compile(r"\{([^{}]*)\}")
_MAX_DATE = 10  # bytes
_MAX_NAME = 255  # bytes; NAME_MAX of the usual file systems
_ROTATION = 40  # bytes that rotation and compression add to a name
_UNSAFE = re.compile(r"[^\w.+=@-]|^\.|\.(?=\.)|\.$")
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?=$|\.)")  # names that Windows keeps for itself
_ROTATED = re.compile(r"(\d{4}-\d\d-\d\d)T(?=\d\d-\d\d-\d\dZ)")  # what rotation puts into names
_SECOND = 1_000_000_000
_SEPARATORS = re.compile(r"[/\\]" if os.sep == "\\" else "/")


class Template:
    """A path with places. Any thread.

    What stands before the first folder or name with a place is the base: no event leads out of it.

    Args:
        pattern: the path, with `{name}` where an attribute's value belongs, `{date}` (2026-01-31) and `{hour}` (00 to
            23) for the event's time in UTC, `{signal}` for log, metric or span.

    Raises:
        ValueError: a brace without its partner, a place without a name, `..` behind a place, or a name that could
            become too long.
    """

    def __init__(self, pattern: str) -> None:
        before = pattern.partition("{")[0]
        name = "" if before == pattern else _SEPARATORS.split(before)[-1]
        self._base = before.removesuffix(name)
        self._parts = _PLACE.split(pattern[len(self._base) :])  # text, name, text, name ... text
        if any("{" in part or "}" in part for part in self._parts[::2]) or "}" in self._base:
            raise ValueError("a brace in a path stands around the name of an attribute: {service.name}")
        if not all(name.strip() for name in self._parts[1::2]):
            raise ValueError("a place in a path has the name of an attribute in it: {service.name}")
        _check_names(pattern[len(self._base) :])

    @property
    def is_constant(self) -> bool:
        """Whether there is no place in it."""
        return len(self._parts) == 1

    @property
    def base(self) -> Path:
        """The folder that no event leads out of, or the path itself without places; absolute, links resolved.

        `~` is the home directory, and a relative path is relative to the working directory of this moment.
        """
        return Path(os.path.realpath(os.path.expanduser(self._base)))  # noqa: PTH111 - never raises, unlike pathlib's

    def fill(self, event: Event) -> str:
        """Return the path below `base` for an event."""
        filled = self._parts[:]
        for place in range(1, len(filled), 2):
            name = filled[place].strip()
            built_in = _BUILT_IN.get(name)
            filled[place] = built_in(event) if built_in else _text(_attribute(event, name))
        return _ROTATED.sub(r"\1_", "".join(filled))  # or rotation would take it for a file of its own


def _check_names(relative: str) -> None:
    for name in _SEPARATORS.split(relative):
        if name in {".", ".."}:
            raise ValueError(f"a path has no {name!r} behind a place for an attribute")
        places = sum(_MAX_DATE if place in _BUILT_IN else MAX_VALUE for place in _PLACE.findall(name))
        longest = len(_PLACE.sub("", name).encode()) + places + _ROTATION
        if longest > _MAX_NAME:
            raise ValueError("a name in the path can become too long; use fewer attributes in it")


def _attribute(event: Event, name: str) -> AttributeValue:
    value = event.attributes.get(name)
    return event.resource.get(name) if value is None else value


def _text(value: AttributeValue) -> str:
    """Return a value as a part of a name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe(str(value)) if isinstance(value, str | int | float) else FALLBACK


@lru_cache(4096)
def safe(text: str) -> str:
    """Return text as a part of a file's name, without anything that leads elsewhere.

    Letters and digits of any script, `.`, `_`, `+`, `=`, `@` and `-` stay; everything else becomes `_`, and so do dots
    at the ends and doubled ones. What is longer than `MAX_VALUE` bytes is cut.
    """
    short = text.strip()[:MAX_VALUE].encode("utf-8", "replace")[:MAX_VALUE].decode("utf-8", "ignore")
    name = _UNSAFE.sub("_", short)
    return f"_{name}" if _DEVICE.match(name) else name or FALLBACK


@lru_cache(366)
def _day(days: int) -> str:
    try:
        return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return FALLBACK


_BUILT_IN: dict[str, Callable[[Event], str]] = {
    "date": lambda event: _day(event.time_unix_nano // (86_400 * _SECOND)),
    "hour": lambda event: f"{event.time_unix_nano // (3600 * _SECOND) % 24:02d}",
    "signal": lambda event: event.signal,
}
