"""What reading OTLP messages has in common in both encodings.

The JSON messages have the names of the protobuf messages, so one piece of code turns either into events; what differs
(a value's kind, ids, presence) is a method here. In JSON any field may be None, which means absent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

from beacon_core.errors import InvalidDataError
from beacon_core.event import Attributes, AttributeValue, Scope

Message: TypeAlias = Any  #: a protobuf message, or the struct of the same name in `json_messages`

MAX_UINT64 = 2**64 - 1

_Word = TypeVar("_Word", bound=str)
_Shared = TypeVar("_Shared")


class Wire(ABC):
    """Reads the messages of one encoding; made for one request, whose peculiarities it counts in `notes`."""

    def __init__(self) -> None:
        self.notes: dict[str, int] = {}

    def note(self, what: str, amount: int = 1) -> None:
        """Count something that was put up with."""
        self.notes[what] = self.notes.get(what, 0) + amount

    @abstractmethod
    def parse(self, path: str, body: bytes) -> Message:
        """Return the request message, or raise InvalidDataError."""

    @abstractmethod
    def unknown_fields(self, path: str, request: Message, body: bytes) -> str:
        """Return a warning if the request seems empty only because its fields are not OTLP's, else nothing."""

    @abstractmethod
    def value(self, value: Message) -> AttributeValue:
        """Return the Python value of an AnyValue; None for the empty one."""

    @abstractmethod
    def identifier(self, raw: Any, size: int) -> str:
        """Return a trace or span id as lower-case hex; empty if it is absent, all zeros, or not of `size` bytes."""

    @abstractmethod
    def number(self, point: Message) -> int | float | None:
        """Return the value of a NumberDataPoint or an Exemplar, None if it has none."""

    @abstractmethod
    def data_kind(self, metric: Message) -> str | None:
        """Return the name of the field that holds a Metric's data, None if it has none."""

    @abstractmethod
    def optional(self, point: Message, name: str) -> float | None:
        """Return a field that may be absent, which is not 0."""

    @abstractmethod
    def encoded(self, message: Message) -> bytes:
        """Return a part of the request as bytes; those of different parts differ."""

    @abstractmethod
    def pairs(self, pairs: Sequence[Message]) -> Attributes:
        """Return KeyValues as a dict. Three quarters of what decoding costs is spent here."""

    def attributes(self, pairs: Sequence[Message] | None) -> Attributes:
        """Return KeyValues as a dict; of a key that is there twice the last one wins and it is counted."""
        if not pairs:
            return {}
        found = self.pairs(pairs)
        if len(found) != len(pairs):
            self.note("duplicate_attribute", len(pairs) - len(found))
        return found

    def scopes(
        self, request: Message, outer: str, inner: str, records: str
    ) -> Iterator[tuple[Attributes, Scope | None, Sequence[Message]]]:
        """Yield the records of each scope, with the resource and scope objects that their events share."""
        for resource_part in getattr(request, outer) or ():
            resource = resource_part.resource
            shared = self._once(_resources, resource, self._resource) if resource else {}
            for scope_part in getattr(resource_part, inner) or ():
                yield shared, self._scope(scope_part), getattr(scope_part, records) or ()

    def _once(
        self, known: dict[tuple[object, bytes], _Shared], message: Message, read: Callable[[Message], _Shared]
    ) -> _Shared:
        """Return what an earlier request made of the same message, if it did.

        A program sends the same resource with every request. That it becomes one object spares reading it again, here
        and in all that treats events of one resource together: small requests cost half as much.
        """
        content = self.encoded(message)
        key = (type(self), content)
        found = known.get(key)
        if found is None:
            notes = self.notes.copy()
            found = read(message)
            if self.notes == notes:  # else it is to be counted every time
                remember(known, key, found)
        return found

    def _resource(self, resource: Message) -> Attributes:
        return self.attributes(resource.attributes)

    def _scope(self, part: Message) -> Scope | None:
        scope = self._once(_scopes, part.scope, self.plain_scope) if part.scope else _NO_SCOPE
        if part.schema_url:
            scope = msgspec.structs.replace(scope, schema_url=part.schema_url)
        return scope if scope != _NO_SCOPE else None

    def plain_scope(self, scope: Message) -> Scope:
        """Return a scope without the URL of its schema, which stands beside it."""
        return Scope(
            name=scope.name or "",
            version=scope.version or "",
            attributes=self.attributes(scope.attributes),
        )

    def enum(self, value: int | str | None, names: Mapping[str, int]) -> int:
        """Return an enum's number. Names are forbidden to senders; known ones are taken and counted."""
        if not isinstance(value, str):
            return value or 0
        if value in names:
            self.note("enum_name")
            return names[value]
        if value.lstrip("-").isdecimal() and abs(number := int(value)) < 2**31:
            return number
        raise InvalidDataError(f"an enum is an integer such as {max(names.values())}")

    def word(self, value: int | str | None, names: Mapping[str, int], words: tuple[_Word, ...]) -> _Word:
        """Return the word for an enum's number; a number that is not known is counted and gets the first word."""
        number = self.enum(value, names)
        if 0 <= number < len(words):
            return words[number]
        self.note("enum_unknown")
        return words[0]

    def missing_time(self, stand_in: int) -> int:
        """Count a record without a time of its own and return what stands in."""
        self.note("time_missing")
        return stand_in


_NO_SCOPE = Scope()

#: What earlier requests had; the threads that decode share it, and at worst read something twice.
_resources: dict[tuple[object, bytes], Attributes] = {}
_scopes: dict[tuple[object, bytes], Scope] = {}
_MOST_KNOWN, _LARGEST_KNOWN = 64, 4096  # objects, bytes of one


def remember(known: dict[tuple[object, bytes], _Shared], key: tuple[object, bytes], found: _Shared) -> None:
    """Keep what was made of some bytes for requests to come, unless they are many."""
    if len(key[1]) <= _LARGEST_KNOWN:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[key] = found


def unsigned(value: int | None) -> int:
    """Return a time or a count, 0 if absent. JSON can write numbers that do not fit, protobuf cannot."""
    if not value:
        return 0
    if value > MAX_UINT64:
        raise InvalidDataError("a time or count does not fit into 64 bits")
    return value
