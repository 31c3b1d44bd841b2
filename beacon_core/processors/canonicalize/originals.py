"""What an event was called before it was normalized: `beacon.original.*`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from beacon_core.event import Attributes
from beacon_core.processors.canonicalize.record import Made, Record
from beacon_core.processors.canonicalize.rules import ACTION, ORIGINAL, SOURCE_EVENT

_LONGEST_NAME = 256  # characters


def originals(record: Record, made: Sequence[Made], target_of: Callable[[str], str]) -> Attributes:
    """Return names and values of the source where they were replaced.

    Args:
        record: the event after the rules.
        made: what rules have made, in order.
        target_of: returns the canonical name of a source's attribute, empty if it has none.
    """
    event, out = record.event, record.out
    found = _name(record)
    for key, value in event.attributes.items():
        target = target_of(key)
        if not target or target not in out or target == SOURCE_EVENT:
            continue
        if target != key:
            found[f"{ORIGINAL}attributes.{target}"] = key
        if value != out[target] or type(value) is not type(out[target]):
            found[f"{ORIGINAL}values.{target}"] = value
    for each in made:
        names = ", ".join(_origins(record, each))
        if names and each.target in out:
            found[f"{ORIGINAL}attributes.{each.target}"] = names
    return found


def _name(record: Record) -> Attributes:
    event = record.event
    named = event.attributes.get("event.name") or event.name or event.body
    if event.signal == "log" and isinstance(named, str) and named and named != record.out[ACTION]:
        return {f"{ORIGINAL}name": named[:_LONGEST_NAME]}
    return {}


def _origins(record: Record, made: Made) -> list[str]:
    """Return where a value stood: the place that has it, else all places that it can have been made from."""
    present = [(name, value) for name, value in _places(record, made) if value not in (None, "")]
    return [name for name, value in present if value == made.value][:1] or [name for name, _ in present]


def _places(record: Record, made: Made) -> Iterator[tuple[str, object]]:
    for attribute, member in made.members:
        yield f"{attribute}/{member}", record.members(attribute).get(member)
    for name in made.names:
        yield name, record.event.attributes.get(name)
