"""Which attributes pass at all: those of an allow-list, or those that are known to hold no content (S5, S8)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from beacon_core.event import Attributes, Batch, Event, Exemplar, Metric, Scope, Span, SpanEvent, SpanLink
from beacon_core.processors.sanitize.actions import SUMMARY, TRUNCATED

#: How a body is called among the names of an allow-list.
BODY = "body"
#: What is left out because no list names it is counted under this.
NOT_ALLOWED = "not-allowed"

_CACHE_SIZE = 8192
_OWN = (SUMMARY, TRUNCATED)
_NO_CONTENT = (int, float, bool, type(None))
_NESTED: dict[type, tuple[str, ...]] = {
    Metric: ("exemplars",),
    Exemplar: ("attributes",),
    Span: ("status_message", "events", "links"),
    SpanEvent: ("attributes",),
    SpanLink: ("attributes",),
    Scope: ("attributes",),
}


class Metadata(NamedTuple):
    """Patterns of names: under those of `names` a text is no content, unless `content` has the name, too."""

    names: tuple[str, ...]
    content: tuple[str, ...]


@cache
def metadata() -> Metadata:
    """Return what Beacon knows about names."""
    document = tomllib.loads(files(__package__).joinpath("metadata.toml").read_text(encoding="utf-8"))
    return Metadata(tuple(document["names"]), tuple(document["content"]))


class Selection:
    """Leaves out what no list names. Any thread.

    Args:
        allowed: names of attributes that pass, or patterns with `*`; `body` for bodies.
        metadata: names of attributes with metadata: under others, numbers and truth values pass, too. None if only
            what is allowed passes.
    """

    def __init__(self, allowed: Iterable[str], metadata: Metadata | None = None) -> None:
        self._allowed = tuple(allowed)
        #: Names with metadata, None if only what is allowed passes.
        self.metadata = metadata
        self._known: dict[str, bool] = {}

    def apply(self, batch: Batch) -> tuple[Batch, int]:
        """Return a batch without what no list names, and how many values were left out."""
        selector = _Selector(self)
        resources = {id(event.resource): selector.mapping(event.resource) for event in batch.events}
        scopes = {id(event.scope): selector.record(event.scope) for event in batch.events}
        events = [
            selector.event(event, resources[id(event.resource)], scopes[id(event.scope)]) for event in batch.events
        ]
        if all(new is old for new, old in zip(events, batch.events, strict=True)):
            return batch, 0
        return batch.with_events(events), selector.left_out

    def passes(self, name: str) -> bool:
        """Say if everything under a name passes; decisions are remembered, in bounded space."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            known = self._known[name] = self._decide(name)
        return known

    def _decide(self, name: str) -> bool:
        if name in _OWN or _fits(name, self._allowed):
            return True
        known = self.metadata
        return known is not None and _fits(name, known.names) and not _fits(name, known.content)


class _Selector:
    """Carries a selection out on one batch, and counts what is left out."""

    def __init__(self, selection: Selection) -> None:
        self._passes = selection.passes
        self._numbers = selection.metadata is not None
        self.left_out = 0

    def event(self, event: Event, resource: Attributes, scope: Scope | None) -> Event:
        members: dict[str, Any] = {
            "attributes": self.mapping(event.attributes),
            "resource": resource,
            "scope": scope,
            "metric": self.record(event.metric),
            "span": self.record(event.span),
            "body": event.body if self._passes_body(event) else None,
        }
        changed = {member: value for member, value in members.items() if value is not getattr(event, member)}
        self.left_out += "body" in changed
        return msgspec.structs.replace(event, **changed) if changed else event

    def _passes_body(self, event: Event) -> bool:
        """Say if a body passes; one that only repeats the name of a log event is no content."""
        body = event.body
        if body is None or self._passes(BODY):
            return True
        return self._numbers and (isinstance(body, _NO_CONTENT) or body == event.name)

    def mapping(self, attributes: Attributes) -> Attributes:
        """Return a map with what passes."""
        kept: Attributes = {}
        for key, value in attributes.items():
            new = value if self._passes(key) else self._without_text(value)
            if new is not None or value is None:
                kept[key] = new
        if len(kept) == len(attributes) and all(kept[key] is value for key, value in attributes.items()):
            return attributes
        self.left_out += len(attributes) - len(kept)
        return kept

    def _without_text(self, value: Any) -> Any:
        """Return what of a value passes although its name does not, None for nothing."""
        if not self._numbers:
            return None
        if isinstance(value, dict):
            return self.mapping(value) or None
        return value if isinstance(value, _NO_CONTENT) else None

    def record(self, record: Any) -> Any:
        """Return a part of an event with the attributes that pass."""
        if record is None:
            return None
        changed: dict[str, Any] = {}
        for member in _NESTED[type(record)]:
            before = getattr(record, member)
            after = self._member(before)
            if after is not before:
                changed[member] = after
        return msgspec.structs.replace(record, **changed) if changed else record

    def _member(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.mapping(value)
        if isinstance(value, list):
            items = [self.record(item) for item in value]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        if value and self._numbers:  # the text of a span's status is that of an error
            self.left_out += 1
            return ""
        return value


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
