"""Which coding agent made an event, by the names that its telemetry carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

_LONGEST_NAME = 256  # characters; names come from outside and are kept in a cache


class AgentNames:
    """Canonical names of agents and the patterns that mean them. Any thread.

    Args:
        patterns: canonical name -> patterns, in the order in which they are tried; `*` stands for any text.
    """

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self._names = frozenset(patterns)
        self._patterns = [
            (name, [word.lower().split("*") for word in words]) for name, words in patterns.items() if words
        ]
        self._find = lru_cache(maxsize=1024)(self._search)

    def match(self, name: str) -> str:
        """Return the canonical name that `name` means, empty if none; a canonical name means itself."""
        return self._find(name) if len(name) <= _LONGEST_NAME else ""

    def _search(self, name: str) -> str:
        lower = name.lower()
        if lower in self._names:
            return lower
        return next((agent for agent, words in self._patterns if any(_fits(lower, parts) for parts in words)), "")


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Return whether `text` is the parts of a pattern with any text between them; linear in its length."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    position = len(first)
    for part in middle:
        position = text.find(part, position) + len(part)
        if position < len(part):
            return False
    return text.startswith(first) and text.endswith(last) and position + len(last) <= len(text)
