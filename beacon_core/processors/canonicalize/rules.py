"""What the tables of names alone make of an event: dictionary lookups, and a new event only where something changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from beacon_core.event import Attributes, AttributeValue, Event
from beacon_core.processors.canonicalize.values import ValueRule

AGENT: Final = "beacon.agent.name"
ACTION: Final = "beacon.event.action"
SOURCE_EVENT: Final = "beacon.source.event"
SCHEMA: Final = "beacon.schema.version"
ORIGINAL: Final = "beacon.original."

_LONGEST_NAME = 256  # characters


class Rules:
    """Names, values and types as they apply to the events of one agent, or to events that no agent made.

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
        #: Whether these rules change nothing, whatever an event has.
        self.inert = not (self._events or self._renames or self._values)

    def apply(self, event: Event) -> Event:
        """Return the canonical event, the same object if it is that already."""
        attributes = self.attributes(event.attributes)
        name = event.name
        if event.signal == "log" and self._events:
            name, attributes = self._named(event, attributes)
        if attributes is event.attributes and name == event.name:
            return event
        return msgspec.structs.replace(event, name=name, attributes=attributes)

    def attributes(self, attributes: Attributes) -> Attributes:
        """Return attributes with canonical names and values, the same object if they have them already."""
        return self._revalued(self._renamed(attributes))

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
        """Return name and attributes of a log event; one that brings an action along has its name already."""
        action = attributes.get(ACTION)
        if isinstance(action, str) and action:
            return event.name, attributes
        for name in (event.attributes.get("event.name"), event.name, qualified(event.body)):
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


def qualified(body: AttributeValue) -> str:
    """Return a body that can be an event's full name; a message of one word is none, and a long text neither."""
    return body if isinstance(body, str) and len(body) < _LONGEST_NAME and "." in body else ""
