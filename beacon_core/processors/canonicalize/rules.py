"""What the tables make of one event: dictionary lookups, and a new event only where something changes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import msgspec

from beacon_core.event import Attributes, AttributeValue, Event

AGENT = "beacon.agent.name"
ACTION = "beacon.event.action"
SOURCE_EVENT = "beacon.source.event"
ORIGINAL = "beacon.original."

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST_NAME = 256  # characters
_INT64 = range(-(1 << 63), 1 << 63)


def to_int(value: AttributeValue) -> AttributeValue:
    """Return a decimal integer's text, or a double (rounded), as a 64-bit integer; anything else as it is."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
    elif isinstance(value, float) and math.isfinite(value):
        number = round(value)
    else:
        return value
    return number if number in _INT64 else value


def to_float(value: AttributeValue) -> AttributeValue:
    """Return a number or a number's text as a double; anything else as it is."""
    if type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        number = float(value)
        return number if math.isfinite(number) else value
    return value


def to_bool(value: AttributeValue) -> AttributeValue:
    """Return the texts `true` and `false` as booleans; anything else as it is."""
    return value == "true" if isinstance(value, str) and value in {"true", "false"} else value


def to_string(value: AttributeValue) -> AttributeValue:
    """Return a boolean or a number as text; anything else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


CONVERSIONS: dict[str, Callable[[AttributeValue], AttributeValue]] = {
    "int": to_int,
    "float": to_float,
    "bool": to_bool,
    "string": to_string,
}


class ValueRule:
    """Canonical value and type of one attribute.

    Args:
        names: alias -> canonical value; both are texts, a boolean is compared as `true` or `false`.
        kind: a key of `CONVERSIONS`, or empty.
    """

    __slots__ = ("_convert", "_first", "_names", "finished")

    def __init__(self, names: Mapping[str, str], kind: str) -> None:
        #: The type of values that are canonical whatever they are; None if there is none.
        self.finished = {"int": int, "float": float, "bool": None if names else bool}.get(kind)
        self._names = names
        self._convert = CONVERSIONS.get(kind)
        self._first = kind == "string"  # else a text made of a number would be looked up the next time only

    def apply(self, value: AttributeValue) -> AttributeValue:
        """Return the canonical value, the same object if it is that already."""
        if self._first:
            value = to_string(value)
        if isinstance(value, str):
            value = self._names.get(value, value)
        elif isinstance(value, bool):
            value = self._names.get("true" if value else "false", value)
        return self._convert(value) if self._convert else value


class Rules:
    """The tables as they apply to the events of one agent, or of no agent.

    Args:
        prefix: what the events' names begin with, or leave out.
        events: alias without prefix -> canonical name.
        renames: alias of an attribute -> canonical name; of two aliases in one event the first here is taken.
        values: what is done to values, by the attribute's canonical name.
        keep_original: keep what was replaced in `beacon.original.*`.
    """

    def __init__(
        self,
        *,
        prefix: str = "",
        events: Mapping[str, str] | None = None,
        renames: Mapping[str, str] | None = None,
        values: Mapping[str, ValueRule] | None = None,
        keep_original: bool = False,
    ) -> None:
        self._prefix = prefix
        self._events = events or {}
        self._renames = renames or {}
        self._rank = {alias: rank for rank, alias in enumerate(self._renames)}
        self._aliases = frozenset(self._renames)
        self._values = values or {}
        self._valued = frozenset(self._values)
        self._keep_original = keep_original

    def apply(self, event: Event, agent: str) -> Event:
        """Return the canonical event, the same object if it is that already.

        Args:
            event: any event.
            agent: the canonical name of the agent that made it, empty if none did.
        """
        attributes = self._renamed(event.attributes)
        attributes = self._revalued(attributes)
        if agent and attributes.get(AGENT) != agent:
            attributes = {**attributes, AGENT: agent}
        name = event.name
        if event.signal == "log":
            name, attributes = self._named(event, attributes)
        if attributes is event.attributes and name == event.name:
            return event
        return msgspec.structs.replace(event, name=name, attributes=attributes)

    def _renamed(self, attributes: Attributes) -> Attributes:
        moves = self._moves(attributes)
        if not moves:
            return attributes
        renamed = dict(attributes)
        for canonical, alias in moves.items():
            renamed[canonical] = renamed.pop(alias)
        if self._keep_original:
            renamed |= {f"{ORIGINAL}attributes.{canonical}": alias for canonical, alias in moves.items()}
        return renamed

    def _moves(self, attributes: Attributes) -> dict[str, str]:
        """Return canonical name -> alias of what is renamed: one alias for each canonical name that is not there."""
        taken: dict[str, str] = {}
        if self._aliases.isdisjoint(attributes):
            return taken
        renames, rank = self._renames, self._rank
        for alias in filter(self._aliases.__contains__, attributes):
            canonical = renames[alias]
            if canonical not in attributes:
                other = taken.get(canonical)
                if other is None or rank[alias] < rank[other]:
                    taken[canonical] = alias
        return taken

    def _revalued(self, attributes: Attributes) -> Attributes:
        if self._valued.isdisjoint(attributes):
            return attributes
        changes: Attributes = {}
        rules = self._values
        for key in filter(self._valued.__contains__, attributes):
            value, rule = attributes[key], rules[key]
            if type(value) is rule.finished:
                continue
            new = rule.apply(value)
            if new is not value and (new != value or type(new) is not type(value)):
                changes[key] = new
        if not changes:
            return attributes
        if self._keep_original:
            changes |= {f"{ORIGINAL}values.{key}": attributes[key] for key in changes}
        return {**attributes, **changes}

    def _named(self, event: Event, attributes: Attributes) -> tuple[str, Attributes]:
        """Return name and attributes of a log event; an action that it brings along wins over the tables."""
        action = attributes.get(ACTION)
        if isinstance(action, str) and action:
            return action, attributes
        for name in (event.name, event.attributes.get("event.name"), _qualified(event.body)):
            if not isinstance(name, str) or not name:
                continue
            short = name.removeprefix(self._prefix)
            canonical = self._events.get(short)
            if canonical is None:
                continue
            changed = {**attributes, ACTION: canonical, SOURCE_EVENT: short}
            if self._keep_original:
                changed[f"{ORIGINAL}name"] = name
            return canonical, changed
        return event.name, attributes


def _qualified(body: AttributeValue) -> str:
    """Return a body that can be an event's full name; a message of one word is none, and a long text neither."""
    return body if isinstance(body, str) and len(body) < _LONGEST_NAME and "." in body else ""
