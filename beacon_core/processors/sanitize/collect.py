"""Gathers what has to be looked at in a batch: every distinct text once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beacon_core.event import Batch, Event
from beacon_core.processors.sanitize.walk import texts

_FEWEST = 4  # events of one shape, so that going by columns pays


class Columns:
    """The values of events that have the same attributes in the same order: one column an attribute.

    Raises:
        TypeError: if an event holds more than texts and numbers; a list or a map cannot be a member of a set.

    Attributes:
        places: where the events stand in their batch.
        keys: the names of the attributes.
        columns: by the position in `keys`, the values of the events in a column that holds text.
        texts: by the position in `keys`, the distinct texts of such a column.
        heads: the distinct names, severities and bodies.
    """

    def __init__(self, places: Sequence[int], keys: tuple[str, ...], events: Sequence[Event]) -> None:
        self.heads: set[Any] = {event.body for event in events}
        if any([event.metric or event.span for event in events]) or not set(map(type, self.heads)) <= _NONE_OR_TEXT:  # noqa: C419 - twice as quick
            raise TypeError
        self.heads.update([event.name for event in events], [event.severity_text for event in events])
        self.places = places
        self.keys = keys
        self.columns: dict[int, tuple[Any, ...]] = {}
        self.texts: dict[int, set[str]] = {}
        for position, column in enumerate(zip(*[event.attributes.values() for event in events], strict=True)):
            values = _texts_of(column)
            if values:
                self.columns[position] = column
                self.texts[position] = values


def _texts_of(column: tuple[Any, ...]) -> set[str]:
    """Return the distinct texts among plain values."""
    if type(column[0]) is str:
        values = set(column)
        if set(map(type, values)) == _TEXT:
            return values
    kinds = set(map(type, column))
    if not kinds <= _PLAIN:
        raise TypeError
    return {value for value in column if type(value) is str} if str in kinds else set()


_TEXT = {str}
_NONE_OR_TEXT = frozenset((str, type(None)))
_PLAIN = frozenset((str, int, float, bool, type(None)))


class Pool:
    """The distinct texts of a batch.

    Attributes:
        texts: every text, keys included; one that stands under several names may be there several times.
        keys: the keys of the events' own attributes.
        columns: events that are flat and of one shape, together.
        rows: where the other events stand in the batch.
        flat: those of `rows` without lists, maps, bytes and records, so that looking their texts up is enough.
        resources: the distinct resources of the batch.
        scopes: the distinct scopes of the batch.
    """

    def __init__(self, batch: Batch) -> None:
        events = batch.events
        self._texts: list[str] = []
        self._values: set[Any] = set()
        self.keys: set[str] = set()
        self.columns: list[Columns] = []
        self.rows: list[int] = []
        self.flat: set[int] = set()
        self._sort(events)
        self.resources = {id(event.resource): event.resource for event in events}
        self.scopes = {id(event.scope): event.scope for event in events}
        for shared in (*self.resources.values(), *self.scopes.values()):
            self._values.update(texts(shared))
        self._values |= self.keys
        self.texts = [*(value for value in self._values if type(value) is str), *self._texts]

    def _sort(self, events: tuple[Event, ...]) -> None:
        keys = [tuple(event.attributes) for event in events]
        shapes: dict[tuple[str, ...], Sequence[int]] = {}
        if keys and keys.count(keys[0]) == len(keys):  # as often as not; quicker than hashing each
            shapes[keys[0]] = range(len(keys))
        else:
            places_of: dict[tuple[str, ...], list[int]] = {}
            for place, shape in enumerate(keys):
                places_of.setdefault(shape, []).append(place)
            shapes.update(places_of)
        for shape, places in shapes.items():
            self.keys.update(shape)
            if len(places) < _FEWEST or not self._add_columns(places, shape, [events[place] for place in places]):
                self.rows += places
        self.flat = {place for place in self.rows if self._add_row(events[place])}

    def _add_columns(self, places: Sequence[int], shape: tuple[str, ...], events: Sequence[Event]) -> bool:
        """Take events by columns, unless one of them holds more than texts and numbers."""
        try:
            columns = Columns(places, shape, events)
        except TypeError:  # not flat; a list or a map cannot be a member of a set
            return False
        self._values |= columns.heads
        for column in columns.texts.values():
            self._texts += column
        self.columns.append(columns)
        return True

    def _add_row(self, event: Event) -> bool:
        """Take one event, and say if it is flat."""
        values, attributes, body = self._values, event.attributes, event.body
        values.update((event.name, event.severity_text))
        flat = event.metric is None and event.span is None
        if not flat:
            values.update(texts(event.metric))
            values.update(texts(event.span))
        if isinstance(body, str):
            values.add(body)
        elif body is not None:
            flat = False
            values.update(texts(body))
        plain = [value for value in attributes.values() if type(value) in _PLAIN]
        values.update(plain)
        if len(plain) == len(attributes):
            return flat
        for value in attributes.values():
            if type(value) is dict and _PLAIN.issuperset(map(type, value.values())):
                values.update(value, value.values())
            elif type(value) not in _PLAIN:
                values.update(texts(value))
        return False
