"""Which names of attributes, fields, variables and flags stand before a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST_NAME = 4  # words
_TAIL = 96  # characters; the last words of a name decide, and no more is remembered
_CACHE_SIZE = 8192


class SensitiveKeys:
    """Decides by a key's last words: `db.password`, `apiKey` and `GITHUB_TOKEN` are sensitive, `token_type` is not.

    Any thread; decisions are remembered, in bounded space.

    Args:
        names: lower-case words joined by `_`, such as `api_key`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.replace("_", separator) for name in names for separator in (" ", ""))
        self._decided: dict[str, bool] = {}

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        key = key[-_TAIL:]
        decided = self._decided.get(key)
        if decided is None:
            if len(self._decided) >= _CACHE_SIZE:
                self._decided.clear()
            decided = self._decided[key] = self._decide(key)
        return decided

    def _decide(self, key: str) -> bool:
        words = [word.lower() for word in _WORDS.findall(key)]
        while words and words[-1].isdigit():  # password2, token_1
            words.pop()
        return any(" ".join(words[-count:]) in self._names for count in range(1, _LONGEST_NAME + 1))
