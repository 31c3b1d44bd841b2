"""Redacts values as they stand in attributes, bodies and JSON: by their texts, and by the names they stand under."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from beacon_core.event import Attributes, Event, Exemplar, Metric, Scope, Span, SpanEvent, SpanLink
from beacon_core.processors.sanitize.rules import marker

#: The rule of values that are replaced because of the name they stand under.
SENSITIVE_KEY = "sensitive-key"

#: Members of records that hold text; the others are numbers, ids in hexadecimal and words of a fixed set.
TEXT_MEMBERS: Mapping[type, tuple[str, ...]] = {
    Event: ("name", "severity_text", "body", "attributes", "metric", "span"),
    Scope: ("name", "version", "schema_url", "attributes"),
    Metric: ("unit", "description", "exemplars"),
    Exemplar: ("attributes",),
    Span: ("trace_state", "status_message", "events", "links"),
    SpanEvent: ("name", "attributes"),
    SpanLink: ("trace_state", "attributes"),
}

#: How deep lists and maps may be nested; a `Rewriter` takes two calls for each level, of which Python allows 1,000.
MOST_LEVELS = 300

_MARKER = marker(SENSITIVE_KEY)
# Under a sensitive name these stay: nothing, words, references to a variable, and what was redacted already.
_HARMLESS = re.compile(
    r"\s*|(?i:true|false|null|none|undefined|required|optional)|\$\{{1,2} ?[A-Za-z_][\w.]{0,64} ?\}{1,2}"
    r"|\$[A-Z_][A-Z0-9_]*|\*+|\[(?i:redacted|filtered|masked)[A-Za-z0-9_: -]{0,64}\]",
    re.ASCII,
)
_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9_-]{1,63}", re.ASCII)


class Change(Protocol):
    """A text that was changed, how often each rule changed it, and whether it was cut."""

    @property
    def text(self) -> str: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def cut(self) -> bool: ...


def decode_bytes(data: bytes) -> tuple[str, str]:
    """Return bytes as text, and the encoding that turns the text into the same bytes again."""
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value or record, keys included.

    Raises:
        RecursionError: if something lies deeper than `MOST_LEVELS`.
    """
    level: list[Iterable[Any]] = [[value]]
    for _ in range(MOST_LEVELS):
        below: list[Iterable[Any]] = []
        for members in level:
            yield from _texts_of(members, below)
        if not below:
            return
        level = below
    raise RecursionError("lists and maps are nested too deep")


def _texts_of(members: Iterable[Any], below: list[Iterable[Any]]) -> Iterator[str]:
    """Yield the texts among `members`, and add to `below` what the others consist of."""
    for member in members:
        if isinstance(member, str):
            yield member
        elif isinstance(member, bytes):
            yield decode_bytes(member)[0]
        elif isinstance(member, dict):
            yield from member
            below.append(member.values())
        elif isinstance(member, msgspec.Struct):
            below.append([getattr(member, name) for name in TEXT_MEMBERS[type(member)]])
        elif isinstance(member, list):
            below.append(member)


class Rewriter:
    """Rewrites values and records; what needs no change is returned as the same object.

    Args:
        change: what becomes of a text, None if it stays.
        sensitive: the names under which a text is replaced whatever it is.

    Attributes:
        counts: how often each rule changed something.
        cut: whether a text was cut.
    """

    def __init__(self, change: Callable[[str], Change | None], sensitive: Container[str]) -> None:
        self._change = change
        self._sensitive = sensitive
        self.counts: Counter[str] = Counter()
        self.cut = False

    def value(self, value: Any) -> Any:
        """Return a value of any type that an attribute or JSON can have."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self.mapping(value)
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, bytes):
            return self._bytes(value)
        return self.record(value) if isinstance(value, msgspec.Struct) else value

    def record(self, record: Any) -> Any:
        """Return an event, a scope, or a part of an event."""
        changed = self.members(record)
        return msgspec.structs.replace(record, **changed) if changed else record

    def members(self, record: Any) -> dict[str, Any]:
        """Return the members of a record that change."""
        changed = {}
        for member in TEXT_MEMBERS[type(record)]:
            before = getattr(record, member)
            after = self.value(before)
            if after is not before:
                changed[member] = after
        return changed

    def mapping(self, attributes: Attributes) -> Attributes:
        """Return a map; keys that become equal get a number, so that no value is lost."""
        result: Attributes = {}
        numbers: dict[str, int] = {}
        same = True
        named = self._names_a_secret(attributes)
        for key, value in attributes.items():
            new_key = self._text(key)
            # What the key becomes counts, too: sanitizing again sees that one, and it may end with the id of a rule.
            hidden = key in self._sensitive or new_key in self._sensitive or (named and key == "value")
            new_value = self._hide(value) if hidden else self.value(value)
            same = same and new_value is value and new_key is key
            result[_free(new_key, result, numbers)] = new_value
        return attributes if same else result

    def _names_a_secret(self, attributes: Attributes) -> bool:
        """Say if a map is a pair whose name says that its value is a secret: `{"key": "password", "value": ...}`."""
        if "value" not in attributes:
            return False
        name = attributes.get("key") or attributes.get("name")
        if not isinstance(name, str):
            return False
        change = self._change(name)
        return name in self._sensitive or (change is not None and change.text in self._sensitive)

    def _list(self, items: list[Any]) -> list[Any]:
        """Return a list; after a command-line flag such as `--password` the next item is a secret."""
        result = []
        flag = False
        for item in items:
            result.append(self._hide(item) if flag else self.value(item))
            flag = isinstance(item, str) and _FLAG.fullmatch(item) is not None and item in self._sensitive
        return items if all(new is old for new, old in zip(result, items, strict=True)) else result

    def _text(self, text: str) -> str:
        change = self._change(text)
        if change is None:
            return text
        self.counts.update(change.counts)
        self.cut = self.cut or change.cut
        return change.text

    def _bytes(self, data: bytes) -> bytes:
        text, encoding = decode_bytes(data)
        new = self._text(text)
        return data if new is text else new.encode(encoding, "replace")

    def _hide(self, value: Any) -> Any:
        """Return what stays of a value under a sensitive name: numbers, truth values, and markers for texts."""
        if isinstance(value, str):
            if _HARMLESS.fullmatch(value):
                return value
            self.counts[SENSITIVE_KEY] += 1
            return _MARKER
        if isinstance(value, bytes):
            text = decode_bytes(value)[0]
            new = self._hide(text)
            return value if new is text else new.encode()
        if isinstance(value, list):
            hidden = [self._hide(item) for item in value]
            return value if all(new is old for new, old in zip(hidden, value, strict=True)) else hidden
        return self._hide_mapping(value) if isinstance(value, dict) else value

    def _hide_mapping(self, attributes: Attributes) -> Attributes:
        result: Attributes = {}
        numbers: dict[str, int] = {}
        for key, value in attributes.items():
            result[_free(self._text(key), result, numbers)] = self._hide(value)
        same = all(a is b and result[a] is attributes[b] for a, b in zip(result, attributes, strict=True))
        return attributes if same else result


def _free(key: str, taken: Container[str], numbers: dict[str, int]) -> str:
    """Return `key`, with a number behind it if it is taken; `numbers` remembers where to go on counting."""
    if key not in taken:
        return key
    number = numbers.get(key, 2)
    while f"{key}#{number}" in taken:
        number += 1
    numbers[key] = number + 1
    return f"{key}#{number}"
