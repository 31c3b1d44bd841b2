"""Which coding agent made an event, by the names that its telemetry carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from beacon_core.processors.canonicalize.patterns import fits

_LONGEST_NAME = 256  # characters; names come from outside and are kept in a cache


class AgentNames:
    """Canonical names of agents (`names`) and the patterns that mean them. Any thread.

    Args:
        patterns: canonical name -> patterns, in the order in which they are tried; `*` stands for any text.
    """

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self.names = tuple(patterns)
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
        return next((agent for agent, words in self._patterns if any(fits(lower, parts) for parts in words)), "")
