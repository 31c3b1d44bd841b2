"""Events as JSON objects that are all of one form, for exporters whose requests are many small objects.

It takes `beacon-native`. Without it, and for every event that holds something unusual, an exporter writes its objects
itself; both ways have to give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeAlias

from beacon_core.event import Event
from beacon_core.native import native

#: A part of every object. Bytes stand there as they are. A tuple is a member, made of one of an event:
#: `("seconds", name, member)` nanoseconds as decimal seconds, in quotes; `("text", name, member)` a text, left out if
#: it is empty; `("digits", name, member)` an integer in quotes, left out if 0; `("content", name, member, ...)` the
#: first of some members that is there; `("flat", "", member)` attributes, as many members as there are, maps with
#: dotted names, values as text; `("absent", "", member)` nothing, of events that have no such member.
Piece: TypeAlias = bytes | tuple[str, ...]


class JsonForm(Protocol):
    """Writes events of one form and one resource. Not for several threads."""

    def write(self, text: bytearray, events: tuple[Event, ...], first: int, largest: int) -> list[int]:
        """Append events to `text`, a line each, until one takes another way.

        That is one with another resource, with an object of more than `largest` bytes, or with something unusual, such
        as bytes, two attributes that get the same name, or a body that is not a text.

        Args:
            text: what there is already; a line feed comes between that and the first object.
            events: of them those from `first` on.
            first: a position in `events`.
            largest: bytes that an object may have.

        Returns:
            The sizes of the objects that were written, in bytes.
        """


def json_form(pieces: Sequence[Piece], field: Callable[[str], str], taken: Collection[str]) -> JsonForm | None:
    """Return what writes objects of a form; None where `beacon-native` is not installed.

    Args:
        pieces: what an object consists of, in order.
        field: returns the name that an attribute has in the object, empty for events that take another way.
        taken: names that are there already; an event with such an attribute takes another way.
    """
    module = native("objects")
    if module is None:
        return None
    form: JsonForm = module.Form(pieces, field, taken)
    return form
