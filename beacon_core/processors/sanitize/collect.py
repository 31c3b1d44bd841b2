"""Looks through a batch for texts in which something stands, and notes where: what has to be done next is little.

`beacon_native.gather` does the same in one pass; where it is not installed, `Gathered` here does it in two: every
distinct text is looked at once, then each event for those in which something stands.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from beacon_core.event import Attributes, Event
from beacon_core.processors.sanitize.actions import SUMMARY
from beacon_core.processors.sanitize.detectors import Redacted
from beacon_core.processors.sanitize.search import Hits, KeywordSearch
from beacon_core.processors.sanitize.text import TextRedactor
from beacon_core.processors.sanitize.walk import MOST_LEVELS, TEXT_MEMBERS, decode_bytes, texts

#: In which attribute or member of which event of a batch a text stands.
Place = tuple[int, str, str]

_HEADS = ("name", "severity_text", "body")
_NUMBERS = frozenset((int, float, bool, type(None)))
_PLAIN = _NUMBERS | {str}
_MOST_SHAPES, _LARGEST_SHAPE = 1024, 8192  # maps, characters of the names in one
_OTHER_TEXTS = 16  # more than an event has beside its attributes, with room for numbers
_BYTES_PER_CHARACTER = 4  # at most, in UTF-8


class Found(Protocol):
    """What stands in the events of a batch.

    Attributes:
        hits: the distinct texts in which something stands, with what it is.
        texts: the distinct texts that are too long.
        longest: characters of the longest text.
        places: such texts, of both kinds, right in an attribute of an event.
        heads: such texts in an event's name, severity or body.
        walks: where events are that hold more than that; these are not in `places` and `heads`.
        shared: resources and scopes in which there may be something to be done, by `id`.
    """

    hits: list[Hits]
    texts: list[str]
    longest: int
    places: list[Place]
    heads: list[Place]
    walks: list[int]
    shared: dict[int, Any]

    def events(self, events: Sequence[Event]) -> None:
        """Look through the events of a batch.

        Raises:
            RecursionError: if something is nested too deep.
        """

    def heavy(self, size: int, growth: float) -> Iterable[int]:
        """Return where events are that may have more than `size` bytes when no text grows by more than a factor."""

    def edits(
        self, events: Sequence[Event], changes: dict[str, Redacted], skip: Container[int]
    ) -> tuple[dict[int, Attributes], dict[str, list[int]]]:
        """Return copies of attributes with other texts in `places`, by where their event is.

        Args:
            events: those that were looked through.
            changes: what becomes of texts.
            skip: where events are that are left alone.

        Returns:
            The copies; and of which events each text was replaced.
        """


class Looking:
    """Looks through batches. Any thread.

    Args:
        redactor: finds what stands in texts, and says what is to be done because of names.
        longest: characters of a text.
    """

    def __init__(self, redactor: TextRedactor, longest: int) -> None:
        self._redactor = redactor
        self._search = redactor.search
        self._longest = longest
        self._shapes: dict[tuple[str, ...], bool] = {}

    def look(self, events: tuple[Event, ...]) -> Found:
        """Return what stands in events.

        Raises:
            RecursionError: if something is nested too deep.
        """
        native = self._search.native
        found: Found
        if native is None:
            found = Gathered(self._search, self._is_plain, self._longest)
        else:
            found = native.gathered(
                is_plain=self._is_plain,
                decode=_decode,
                members=TEXT_MEMBERS,
                longest=self._longest,
                levels=MOST_LEVELS,
            )
        found.events(events)
        return found

    def _is_plain(self, names: tuple[str, ...]) -> bool:
        """Say if nothing is to be done because of the names in a map; most maps have the same few shapes."""
        plain = self._shapes.get(names)
        if plain is None:
            plain = self._decide(names)
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            if sum(map(len, names)) <= _LARGEST_SHAPE:
                self._shapes[names] = plain
        return plain

    def _decide(self, names: tuple[str, ...]) -> bool:
        if "value" in names or SUMMARY in names or not all(type(name) is str for name in names):
            return False
        if any(map(self._redactor.keys.rule, names)) or max(map(len, names), default=0) > self._longest:
            return False
        return not self._redactor.redact_all(names)


class Gathered:
    """What stands in the events of a batch, found without native code: see `Found`.

    Args:
        search: finds what stands in texts.
        is_plain: says if there is nothing to be done because of the names in a map.
        limit: characters of a text.
    """

    def __init__(self, search: KeywordSearch, is_plain: Callable[[tuple[str, ...]], bool], limit: int) -> None:
        self._search = search
        self._is_plain = is_plain
        self._limit = limit
        self._marked: frozenset[str] = frozenset()
        self._flat: dict[int, int] = {}  # where events are that hold texts and numbers only, and how many attributes
        self._names: tuple[str, ...] = ()  # those of the event before
        self._plain = True
        self._count = 0
        self.hits: list[Hits] = []
        self.texts: list[str] = []
        self.longest = 0
        self.places: list[Place] = []
        self.heads: list[Place] = []
        self.walks: list[int] = []
        self.shared: dict[int, Any] = {}

    def events(self, events: Sequence[Event]) -> None:
        shared: dict[int, Any] = {id(event.resource): event.resource for event in events}
        shared |= {id(event.scope): event.scope for event in events}
        every: set[Any] = set()
        for place, event in enumerate(events):
            self._add(place, event, every)
        for each in shared.values():
            every.update(texts(each))
        found = [str.__str__(text) for text in every if isinstance(text, str)]  # enumerations, too, by their values
        self.longest = max(map(len, found), default=0)
        self.texts = [text for text in found if len(text) > self._limit] if self.longest > self._limit else []
        self.hits = list(self._search.scan(found))
        self._names = ()
        self._marked = frozenset(self.texts).union([hits.text for hits in self.hits])
        self._count = len(events)
        for place, event in enumerate(events):
            self._note(place, event)
        self.shared = {key: each for key, each in shared.items() if self._is_within(each)}

    def heavy(self, size: int, growth: float) -> Iterable[int]:
        longest = max(self.longest * _BYTES_PER_CHARACTER * growth, 1)
        most = (size // longest - _OTHER_TEXTS) // 2
        flat = self._flat
        return [place for place in range(self._count) if flat.get(place, most) >= most]

    def edits(
        self, events: Sequence[Event], changes: dict[str, Redacted], skip: Container[int]
    ) -> tuple[dict[int, Attributes], dict[str, list[int]]]:
        copies: dict[int, Attributes] = {}
        where: dict[str, list[int]] = {}
        for place, name, text in self.places:
            change = changes.get(text)
            if change is not None and place not in skip:
                if place not in copies:
                    copies[place] = events[place].attributes.copy()
                copies[place][name] = change.text
                where.setdefault(text, []).append(place)
        return copies, where

    def _add(self, place: int, event: Event, every: set[Any]) -> None:
        """Add the texts of an event, and what a set can hold beside."""
        attributes, body = event.attributes, event.body
        names = tuple(attributes)
        if names != self._names:
            self._names = names
            every.update(names)
        flat = _PLAIN.issuperset(map(type, attributes.values()))
        every.update(attributes.values() if flat else texts(attributes), (event.name, event.severity_text))
        if type(body) in _PLAIN and event.metric is None and event.span is None:
            every.add(body)
        else:
            flat = False
            every.update(texts([body, event.metric, event.span]))
        if flat:
            self._flat[place] = len(attributes)

    def _note(self, place: int, event: Event) -> None:
        """Note where in an event something stands."""
        marked, attributes = self._marked, event.attributes
        names = tuple(attributes)
        if names != self._names:
            self._names, self._plain = names, self._is_plain(names)
        flat = place in self._flat
        if not self._plain or (not flat and self._is_deep(event)):
            self.walks.append(place)
            return
        if not flat or not marked.isdisjoint(attributes.values()):
            self.places += self._marked_in(place, attributes.items())
        heads = (event.name, event.severity_text, event.body)
        if not flat or not marked.isdisjoint(heads):
            self.heads += self._marked_in(place, zip(_HEADS, heads, strict=True))

    def _marked_in(self, place: int, members: Iterable[tuple[str, Any]]) -> Iterator[Place]:
        for name, value in members:
            if type(value) is str and value in self._marked:
                yield place, name, value

    def _is_deep(self, event: Event) -> bool:
        """Say if something stands in what an event holds beside texts and numbers."""
        values = (*event.attributes.values(), event.body, event.metric, event.span)
        return any(self._is_within(value) for value in values if type(value) not in _PLAIN)

    def _is_within(self, value: Any) -> bool:
        """Say if something stands in a value, or may have to be done because of names or flags in it."""
        if isinstance(value, str):
            return value in self._marked
        if isinstance(value, bytes):
            return _decode(value) in self._marked
        if isinstance(value, dict):
            return not self._is_plain(tuple(value)) or any(map(self._is_within, value.values()))
        if isinstance(value, list):
            flags = any(type(item) is str and item[:1] == "-" for item in value)
            return flags or any(map(self._is_within, value))
        if isinstance(value, msgspec.Struct):
            return any(self._is_within(getattr(value, member)) for member in TEXT_MEMBERS[type(value)])
        return False


def _decode(data: bytes) -> str:
    return decode_bytes(data)[0]
