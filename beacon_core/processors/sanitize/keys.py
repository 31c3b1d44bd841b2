"""Which names of attributes, fields, variables and flags stand before a secret, and what is done with what is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from beacon_core.processors.sanitize.actions import ATTRIBUTE, SUMMARY, TRUNCATED, Actions, Replace
from beacon_core.processors.sanitize.rules import marker

#: The rule of values that are replaced because of the name they stand under.
SENSITIVE_KEY = "sensitive-key"

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


class KeyRule(NamedTuple):
    """What is done with a value because of the name it stands under.

    Attributes:
        rule_id: under which it is counted.
        replace: what makes something else of a text, None if the value is left out.
        everything: numbers, too, and words such as `true` and `none`.
    """

    rule_id: str
    replace: Replace | None
    everything: bool


class Keys:
    """Tells what is done with a value because of its name: that of an attribute or of a member of a map. Any thread.

    Args:
        names: those that stand before secrets, as for `SensitiveKeys`.
        actions: what is done with finds.
    """

    def __init__(self, names: Iterable[str], actions: Actions) -> None:
        #: The names that stand before secrets.
        self.sensitive = SensitiveKeys(names)
        self.actions = actions
        replace = actions.by_rule(SENSITIVE_KEY) or (lambda _text: _SENSITIVE)
        self._sensitive = KeyRule(SENSITIVE_KEY, None if _SENSITIVE in actions.drops else replace, everything=False)
        self._rules: dict[str, KeyRule | None] = {}

    def rule(self, key: str) -> KeyRule | None:
        """Return what is done with what stands under a name, None if the name says nothing."""
        if len(key) > _TAIL:  # not remembered whole
            return self._find(key)
        try:
            return self._rules[key]
        except KeyError:
            if len(self._rules) >= _CACHE_SIZE:
                self._rules.clear()
            rule = self._rules[key] = self._find(key)
            return rule

    def _find(self, key: str) -> KeyRule | None:
        action = self.actions.by_attribute(key)
        if action == "keep" or key in (SUMMARY, TRUNCATED):
            return None
        if action is not None:
            return KeyRule(ATTRIBUTE, None if action == "drop" else self.actions.replace(action), everything=True)
        return self._sensitive if key in self.sensitive else None


_SENSITIVE = marker(SENSITIVE_KEY)
