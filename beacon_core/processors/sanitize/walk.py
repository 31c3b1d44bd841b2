"""Redacts values as they stand in attributes, bodies and JSON: by their texts, and by the names they stand under."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec

from beacon_core.event import Attributes, Event, Exemplar, Metric, Scope, Span, SpanEvent, SpanLink
from beacon_core.processors.sanitize.actions import SUMMARY, is_marker
from beacon_core.processors.sanitize.keys import KeyRule, Keys
from beacon_core.processors.sanitize.rules import marker

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

_NUMBERS = frozenset((int, float, bool, type(None)))
_GONE: Final = object()  # stands for what is left out
# Under a sensitive name these stay: nothing, words, references to a variable, and what was redacted already.
_HARMLESS = re.compile(
    r"\s*|(?i:true|false|null|none|undefined|required|optional)|\$\{{1,2} ?[A-Za-z_][\w.]{0,64} ?\}{1,2}"
    r"|\$[A-Z_][A-Z0-9_]*|\*+|\[(?i:redacted|filtered|masked)[A-Za-z0-9_: -]{0,64}\]",
    re.ASCII,
)
_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9_-]{1,63}", re.ASCII)


class Change(Protocol):
    """A text that was changed, how often each rule changed it, whether it was cut, and whether it is to be left out."""

    @property
    def text(self) -> str: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def cut(self) -> bool: ...
    @property
    def drop(self) -> bool: ...


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
        keys: what becomes of a value because of its name; None if names say nothing.
        shapes: names of maps, and whether nothing is to be done because of them; shared by those who rewrite a batch.

    Attributes:
        counts: how often each rule changed something.
        cut: whether a text was cut.
    """

    def __init__(
        self,
        change: Callable[[str], Change | None],
        keys: Keys | None,
        shapes: dict[tuple[str, ...], bool] | None = None,
    ) -> None:
        self._change = change
        self._keys = keys
        self._shapes = {} if shapes is None else shapes
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.cut = False

    def value(self, value: Any) -> Any:
        """Return a value of any type that an attribute or JSON can have; what is to be left out becomes its marker."""
        kept = self._kept(value)
        return self._text(value, counted=True) if kept is _GONE else kept

    def record(self, record: Any) -> Any:
        """Return an event, a scope, or a part of an event."""
        changed = self.members(record)
        return msgspec.structs.replace(record, **changed) if changed else record

    def members(self, record: Any) -> dict[str, Any]:
        """Return the members of a record that change; a body can be left out, a name cannot."""
        changed = {}
        for member in TEXT_MEMBERS[type(record)]:
            before = getattr(record, member)
            if before is None:
                continue
            after = self._kept(before)
            if after is _GONE:
                after = None if member == "body" else self._text(before, counted=True)
            if after is not before:
                changed[member] = after
        return changed

    def mapping(self, attributes: Attributes) -> Attributes:
        """Return a map; keys that become equal get a number, so that no value is lost."""
        if self._has_plain_names(attributes):
            return self._values(attributes)
        result: Attributes = {}
        numbers: dict[str, int] = {}
        same = True
        named = self._rule_of_pair(attributes)
        for key, value in attributes.items():
            new_key = self._text(key)
            # What the key becomes counts, too: sanitizing again sees that one, and it may end with the id of a rule.
            rule = self._rule(key) or (self._rule(new_key) if new_key is not key else None)
            rule = rule or (named if key == "value" else None)
            if key == SUMMARY and _is_summary(value):
                new_value = Rewriter(self._change, None).value(value)  # its keys are rules, no names
            else:
                new_value = self._hide(value, rule) if rule else self._kept(value)
            if new_value is _GONE:
                same = False
                continue
            same = same and new_value is value and new_key is key
            result[_free(new_key, result, numbers)] = new_value
        return attributes if same else result

    def _has_plain_names(self, attributes: Attributes) -> bool:
        """Say if nothing is to be done because of the names in a map; most maps of a batch have the same few shapes."""
        shape = tuple(attributes)
        plain = self._shapes.get(shape)
        if plain is None:
            named = "value" in attributes or SUMMARY in attributes
            plain = not named and not any(self._rule(key) or self._change(key) for key in shape)
            self._shapes[shape] = plain
        return plain

    def _values(self, attributes: Attributes) -> Attributes:
        """Return a map of whose names nothing is to be done."""
        edits = {}
        for key, value in attributes.items():
            if type(value) not in _NUMBERS:
                new = self._kept(value)
                if new is not value:
                    edits[key] = new
        if not edits:
            return attributes
        result = {**attributes, **edits}
        return {key: value for key, value in result.items() if value is not _GONE}

    def _rule(self, key: str) -> KeyRule | None:
        """Return what is done because of a name; one that is no text is of somebody else's making."""
        return self._keys.rule(key) if self._keys is not None and isinstance(key, str) else None

    def _rule_of_pair(self, attributes: Attributes) -> KeyRule | None:
        """Return what the name in a pair says of its value: `{"key": "password", "value": ...}`."""
        if "value" not in attributes or self._keys is None:
            return None
        name = attributes.get("key") or attributes.get("name")
        if not isinstance(name, str):
            return None
        return self._keys.rule(name) or self._keys.rule(self._becomes(name))

    def _becomes(self, text: str) -> str:
        change = self._change(text)
        return text if change is None else change.text

    def _kept(self, value: Any) -> Any:
        """Return a value, or that it is left out."""
        if isinstance(value, str):
            change = self._change(value)
            if change is None:
                return value
            self._count(change)
            return _GONE if change.drop else change.text
        if isinstance(value, dict):
            return self.mapping(value)
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, bytes):
            return self._bytes(value)
        return self.record(value) if isinstance(value, msgspec.Struct) else value

    def _list(self, items: list[Any]) -> list[Any]:
        """Return a list; after a command-line flag such as `--password` the next item is a secret."""
        result = []
        flag: KeyRule | None = None
        for item in items:
            result.append(self._hide(item, flag) if flag else self._kept(item))
            is_flag = self._keys and isinstance(item, str) and _FLAG.fullmatch(item)
            flag = self._keys.rule(item) if is_flag and self._keys else None
        if all(new is old for new, old in zip(result, items, strict=True)):
            return items
        return [item for item in result if item is not _GONE]

    def _text(self, text: str, *, counted: bool = False) -> str:
        """Return a text that cannot be left out."""
        change = self._change(text)
        if change is None:
            return text
        if not counted:
            self._count(change)
        return change.text

    def _count(self, change: Change) -> None:
        for rule_id, count in change.counts.items():
            self.counts[rule_id] += count
        self.cut = self.cut or change.cut

    def _bytes(self, data: bytes) -> bytes:
        text, encoding = decode_bytes(data)
        new = self._text(text)
        return data if new is text else new.encode(encoding, "replace")

    def _hide(self, value: Any, rule: KeyRule) -> Any:
        """Return what stays of a value whose name says what is done with it.

        Under a sensitive name numbers and truth values stay, and texts become markers.
        """
        if isinstance(value, bytes):
            text = decode_bytes(value)[0]
            new = self._hide(text, rule)
            return new if new is _GONE else value if new is text else new.encode()
        if rule.replace is None and (rule.everything or isinstance(value, list | dict)):
            self.counts[rule.rule_id] += 1
            return _GONE
        if isinstance(value, str):
            return self._hide_text(value, rule)
        if isinstance(value, list):
            hidden = [self._hide(item, rule) for item in value]
            return value if all(new is old for new, old in zip(hidden, value, strict=True)) else hidden
        if isinstance(value, dict):
            return self._hide_mapping(value, rule)
        return self._hide_text(str(value), rule) if rule.everything and value is not None else value

    def _hide_text(self, text: str, rule: KeyRule) -> Any:
        shown = self._keys is not None and self._keys.actions.is_shown(text)
        if shown or (not text or is_marker(text) if rule.everything else _HARMLESS.fullmatch(text)):
            return text
        self.counts[rule.rule_id] += 1
        if rule.replace is None:
            return _GONE
        replacement = rule.replace(text)
        if not is_marker(replacement) and self._change(text):  # no characters of what a rule finds
            return marker(rule.rule_id)
        return replacement

    def _hide_mapping(self, attributes: Attributes, rule: KeyRule) -> Attributes:
        result: Attributes = {}
        numbers: dict[str, int] = {}
        for key, value in attributes.items():
            result[_free(self._text(key), result, numbers)] = self._hide(value, rule)
        same = all(a is b and result[a] is attributes[b] for a, b in zip(result, attributes, strict=True))
        return attributes if same else result


def _is_summary(value: Any) -> bool:
    return isinstance(value, dict) and all(type(count) is int for count in value.values())


def _free(key: str, taken: Container[str], numbers: dict[str, int]) -> str:
    """Return `key`, with a number behind it if it is taken; `numbers` remembers where to go on counting."""
    if key not in taken:
        return key
    number = numbers.get(key, 2)
    while f"{key}#{number}" in taken:
        number += 1
    numbers[key] = number + 1
    return f"{key}#{number}"
