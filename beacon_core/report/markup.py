"""HTML that cannot be broken out of: what is not markup already is escaped when it becomes part of some."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from beacon_core.report.words import printable

_VOID = frozenset({"meta", "br"})


#: Markup, texts, or lists of them.
Children: TypeAlias = "str | Iterable[Children]"


class Html(str):
    """Markup, which is not escaped again. Only this module and its callers' constants make some."""

    __slots__ = ()


def tag(name: str, /, *children: Children, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        name: the element's.
        children: markup (`Html`), or texts, which are escaped; also lists of them.
        attributes: by name, with `_` for `-`, a `_` at the end is dropped (`class_`); None: left out; empty: no value.
    """
    opened = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{opened}>")
    return Html(f"<{name}{opened}>{join(children)}</{name}>")


def join(parts: Iterable[Children]) -> Html:
    """Return parts one after the other, those that are texts escaped."""
    return Html("".join(_escaped(part) if isinstance(part, str) else join(part) for part in parts))


def data_block(identifier: str, value: Any) -> Html:
    """Return JSON inside of a script element that is data; nothing in it can end the element or begin a comment."""
    text = json.dumps(value, separators=(",", ":"))  # ASCII: no separator of lines, no control character
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(f'<script type="application/json" id="{identifier}">{text}</script>')


def _escaped(text: str) -> str:
    return text if isinstance(text, Html) else html.escape(printable(text))


def _attribute(name: str, value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        value = f"{value:.2f}".rstrip("0").rstrip(".")
    return f" {name}" if value == "" else f' {name}="{_escaped(str(value))}"'
