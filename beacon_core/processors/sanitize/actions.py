"""What takes the place of a find (behaviour S5): a marker, a keyed hash, some of its characters, or nothing at all."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TypeAlias

from beacon_core.errors import ConfigurationError
from beacon_core.processors.sanitize.config import Action, Partial
from beacon_core.processors.sanitize.rules import marker

#: Attribute of what was changed (event, resource, scope): how many finds of each rule were removed there.
SUMMARY = "beacon.redacted"
#: Attribute of an event of which something was cut.
TRUNCATED = "beacon.truncated"
#: The rule of values that an action for their attribute has changed.
ATTRIBUTE = "attribute"
#: Returns what takes the place of a find.
Replace: TypeAlias = Callable[[str], str]

_MARKER = re.compile(r"\[REDACTED:[a-z0-9-]{1,64}(?::[0-9a-f]{16})?\]")
_HASH_DIGITS = 16  # of 64: enough to tell finds apart


class Actions:
    """The actions by rule and by attribute. Immutable, any thread; what is under neither becomes a marker.

    Args:
        by_rule: by the id of a rule.
        by_attribute: by the name of an attribute or member of a map, or a pattern with `*`.
        key: of the action `hash`.
    """

    def __init__(
        self,
        by_rule: Mapping[str, Action] | None = None,
        by_attribute: Mapping[str, Action] | None = None,
        key: bytes = b"",
    ) -> None:
        self._by_rule = dict(by_rule or {})
        self._by_attribute = dict(by_attribute or {})
        self._key = key
        #: Markers that say: what holds them is left out.
        self.drops = tuple(marker(rule_id) for rule_id, action in self._by_rule.items() if action == "drop")
        every = [*self._by_rule.values(), *self._by_attribute.values()]
        self._most_shown = max(
            (action.first + action.last for action in every if isinstance(action, Partial)), default=0
        )

    def by_rule(self, rule_id: str) -> Replace | None:
        """Return what is to be done with the finds of a rule, None if they become what the rule says."""
        action = self._by_rule.get(rule_id, "redact")
        return self._replace(rule_id, action) if action != "redact" else None

    def keeps(self, rule_id: str) -> bool:
        """Say if the finds of a rule stay."""
        return self._by_rule.get(rule_id) == "keep"

    def by_attribute(self, name: str) -> Action | None:
        """Return what is to be done with what stands under a name, None if nothing special is."""
        return _best(name, self._by_attribute) if self._by_attribute else None

    @property
    def keywords(self) -> tuple[str, ...]:
        """One of them is in every text with JSON in which an action by attribute has something to do; lower-case."""
        return tuple(dict.fromkeys(_keyword(pattern) for pattern in self._by_attribute))

    def replace(self, action: Action) -> Replace:
        """Return what makes something else of the value of an attribute."""
        return self._replace(ATTRIBUTE, action)

    @property
    def shows_parts(self) -> bool:
        """Whether an action leaves some characters of a find."""
        return self._most_shown > 0

    def is_shown(self, text: str) -> bool:
        """Say if a text is what an action has left of a find: a marker, perhaps with some characters beside it."""
        return self._most_shown > 0 and "[REDACTED:" in text and len(_MARKER.sub("", text)) <= self._most_shown

    def _replace(self, rule_id: str, action: Action) -> Replace:
        mark = marker(rule_id)
        if isinstance(action, Partial):
            return lambda secret: _part(secret, mark, action.first, action.last)
        if action == "hash":
            return lambda secret: f"{mark[:-1]}:{self._hash(secret)}]"
        return lambda _secret: mark

    def _hash(self, secret: str) -> str:
        return hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def is_marker(text: str) -> bool:
    """Say if a text is a marker and nothing else."""
    return _MARKER.fullmatch(text) is not None


def _part(secret: str, mark: str, first: int, last: int) -> str:
    if (first + last) * 2 > len(secret):
        return mark
    return secret[:first] + mark + secret[len(secret) - last :]


def resolve(actions: Mapping[str, Action], rule_ids: Iterable[str]) -> dict[str, Action]:
    """Return the action of each rule that has one.

    Args:
        actions: by the id of a rule or a pattern with `*`.
        rule_ids: those that there are.

    Raises:
        ConfigurationError: if something in `actions` is about no rule.
    """
    known = list(dict.fromkeys(rule_ids))
    for name in actions:
        if not any(fnmatchcase(rule_id, name) for rule_id in known):
            close = get_close_matches(name, known, 1)
            hint = f'; did you mean "{close[0]}"?' if close else "; their ids are in docs/reference/sanitize-rules.md"
            raise ConfigurationError(f'rule_actions: there is no rule "{name}"{hint}')
    found = {rule_id: _best(rule_id, actions) for rule_id in known}
    return {rule_id: action for rule_id, action in found.items() if action is not None}


def _keyword(pattern: str) -> str:
    """Return the longest word in a pattern, else what no map in JSON is without."""
    word = max(re.split(r"\[[^\]]*\]|[*?\s]|[^\x00-\x7f]", pattern), key=len).lower()
    return word if len(word) > 1 else "{"


def _best(name: str, actions: Mapping[str, Action]) -> Action | None:
    """Return what stands under a name itself, else under the first pattern that fits it."""
    if name in actions:
        return actions[name]
    return next((action for pattern, action in actions.items() if fnmatchcase(name, pattern)), None)
