"""Patterns with `*`, which stands for any text. Matching takes linear time."""

from __future__ import annotations

from collections.abc import Sequence


def fits(text: str, literals: Sequence[str]) -> bool:
    """Return whether `text` is the literals of a pattern (split at `*`) with any text between them."""
    if len(literals) == 1:
        return text == literals[0]
    first, *middle, last = literals
    position = len(first)
    for part in middle:
        position = text.find(part, position) + len(part)
        if position < len(part):
            return False
    return text.startswith(first) and text.endswith(last) and position + len(last) <= len(text)


def pieces(text: str, literals: Sequence[str]) -> list[str] | None:
    """Return what each `*` of a pattern stands for, the first ones as short as possible; None if it does not fit."""
    if not fits(text, literals):
        return None
    found: list[str] = []
    position = len(literals[0])
    for part in literals[1:-1]:
        end = text.find(part, position)
        found.append(text[position:end])
        position = end + len(part)
    if len(literals) > 1:
        found.append(text[position : len(text) - len(literals[-1])])
    return found
