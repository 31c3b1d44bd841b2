"""A configuration as a tree of values that know where they were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from beacon_core.config.options import Referenced
from beacon_core.config.problems import Origin

Scalar: TypeAlias = str | int | float | bool | None

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
#: More digits than any number that is written back unchanged needs.
_LONGEST_NUMBER = 40
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a configuration.

    Attributes:
        value: a scalar, a map or a list.
        origin: where the value begins.
        keys: where the keys of a map stand.
        written: for `Referenced` text, how it can be shown: with references instead of what they stand for.
        source: for `Referenced` text, what stands in the file; a default in it may be a secret.
        broken: a reference could not be resolved; it was reported, and what follows from it is not worth reporting.
    """

    value: Scalar | dict[str, Node] | list[Node]
    origin: Origin
    keys: dict[str, Origin] = field(default_factory=dict)
    written: str = ""
    source: str = ""
    broken: bool = False

    def __repr__(self) -> str:
        """Show the shape and no value: a value may be a secret."""
        if isinstance(self.value, dict):
            return f"Node({self.value!r})"
        if isinstance(self.value, list):
            return f"Node({self.value!r})"
        return f"Node(<{type(self.value).__name__}>)"

    def child(self, key: str | int) -> Node | None:
        """Return what stands under a key or at an index, None if nothing does."""
        if isinstance(self.value, dict):
            return self.value.get(key) if isinstance(key, str) else None
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return self.value[key]
        return None

    def without(self, *names: str) -> Node:
        """Return the map without some of its keys."""
        if not isinstance(self.value, dict):
            return self
        return replace(self, value={key: child for key, child in self.value.items() if key not in names})

    def walk(self) -> Iterator[Node]:
        """Yield this node and everything below it."""
        yield self
        children = self.value.values() if isinstance(self.value, dict) else self.value
        if not isinstance(children, str | int | float | None):
            for child in children:
                yield from child.walk()

    def plain(self) -> Any:
        """Return the value as ordinary data, secrets included: for validation, never for printing."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def printable(self) -> Any:
        """Return the value as ordinary data in which references stand as they were written."""
        return self._shown(lambda node: node.written if isinstance(node.value, Referenced) else node.value)

    def effective(self, secrets: Collection[str]) -> Any:
        """Return ordinary data that means the same when it is read again: references stand for their values.

        Args:
            secrets: the values of all secret options; where one of them stands, a default is not shown.
        """

        def text(node: Node) -> Any:
            if isinstance(node.value, Referenced):
                return node.written if str(node.value).strip() in secrets else node.source or node.written
            return node.value.replace("${", "$${") if isinstance(node.value, str) else node.value

        return self._shown(text)

    def _shown(self, scalar: Callable[[Node], Any]) -> Any:
        if isinstance(self.value, dict):
            return {key: child._shown(scalar) for key, child in self.value.items()}  # noqa: SLF001 - a node as well
        if isinstance(self.value, list):
            return [child._shown(scalar) for child in self.value]  # noqa: SLF001 - a node as well
        return scalar(self)


def scalar(text: str) -> Scalar:
    """Return what a plain (unquoted) YAML scalar means.

    A number only if writing it back gives the same text, so that versions (`3.10`), times (`12:30:00`) and ids (`012`)
    stay what they are. An option that is a number still accepts them: validation reads numbers from text.
    """
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if not match or len(text) > _LONGEST_NUMBER:
        return text
    number = float(text) if match[1] else int(text)
    return number if str(number) == text else text
