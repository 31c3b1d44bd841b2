"""One event while rules are applied to it: what it has by now, and the JSON inside its texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from beacon_core.event import Attributes, AttributeValue, Event
from beacon_core.processors.canonicalize.settings import Settings

_LONGEST_JSON: Final = 1 << 20  # characters; what is longer is a text
_DEEPEST: Final = 16  # levels that are kept of what is left of a JSON text
_INTEGERS: Final = range(-(1 << 63), 1 << 64)  # what can be stored
_NO_MEMBERS: Final[Mapping[str, Any]] = {}


class Made(NamedTuple):
    """An attribute that a rule has made.

    Attributes:
        target: the attribute.
        value: what the rule found.
        names: the source's attributes that it can come from.
        members: the attributes and those of their members that it can come from.
    """

    target: str
    value: object
    names: tuple[str, ...]
    members: tuple[tuple[str, str], ...]


class Record:
    """An event on its way through the rules.

    Attributes:
        event: the event as it came in.
        out: what is known by now, under canonical names.
        raw: the source's attributes that nothing has taken yet.
        settings: what the processor's options say.
        corrections: how many negative differences were set to 0.
        severity: what a rule says, empty if none does.
        made: what rules have made, in order; None if nobody wants to know.
        taken: the attributes and those of their members that rules have used.
    """

    __slots__ = ("_parsed", "corrections", "event", "made", "out", "raw", "settings", "severity", "taken")

    _parsed: dict[str, Mapping[str, Any]] | None

    def __init__(self, event: Event, out: Attributes, raw: Attributes, settings: Settings) -> None:
        self.event = event
        self.out = out
        self.raw = raw
        self.settings = settings
        self.corrections = 0
        self.severity = ""
        self.made: list[Made] | None = [] if settings.keep_original else None
        self._parsed = None
        self.taken: list[tuple[tuple[str, str], ...]] = []

    def get(self, name: str) -> AttributeValue:
        """Return what is known under a canonical name, else the source's attribute of that name if it is left."""
        value = self.out.get(name)
        return value if value is not None else self.raw.get(name)

    def resource(self, name: str) -> AttributeValue:
        """Return an attribute of the event's resource."""
        return self.event.resource.get(name)

    def members(self, name: str) -> Mapping[str, Any]:
        """Return the map that an attribute is or that its JSON text holds; an empty one if it is neither."""
        parsed = self._parsed
        if parsed is None:
            parsed = self._parsed = {}
        found = parsed.get(name)
        if found is None:
            found = parsed[name] = _parse(self.event.attributes.get(name))
        return found

    def leave_rest(self) -> None:
        """Put what is left of maps of which rules took members in the place of their texts."""
        if not self.taken:
            return
        used: dict[str, set[str]] = {}
        for pairs in self.taken:
            for name, member in pairs:
                used.setdefault(name, set()).add(member)
        for name, taken in used.items():
            members = self.members(name)
            if name not in self.raw or not members:
                continue
            rest = {key: value for key, value in members.items() if key not in taken}
            if not rest:
                del self.raw[name]
            elif _storable(rest, _DEEPEST):
                self.raw[name] = rest


def _parse(value: AttributeValue) -> Mapping[str, Any]:
    if isinstance(value, str) and len(value) <= _LONGEST_JSON and value[:1] == "{":
        try:
            value = msgspec.json.decode(value)
        except (ValueError, RecursionError):  # DecodeError and UnicodeEncodeError are ValueErrors; text all the same
            return _NO_MEMBERS
    return value if isinstance(value, dict) else _NO_MEMBERS


def _storable(value: Any, depth: int) -> bool:
    """Return whether a queue can store a JSON value; it need not be able to store any that JSON can write."""
    if isinstance(value, dict):
        return depth > 0 and all(_storable(item, depth - 1) for item in value.values())
    if isinstance(value, list):
        return depth > 0 and all(_storable(item, depth - 1) for item in value)
    return type(value) is not int or value in _INTEGERS
