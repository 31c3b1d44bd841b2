"""The detectors: `rules.toml`, read and compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from beacon_core.errors import ConfigurationError

Kind = Literal["vendor", "credential", "personal"]
_SEPARATOR = "[_. -]"
_PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")


@dataclass(frozen=True)
class Rule:
    """One detector.

    Attributes:
        id: stands in the marker and in the counts.
        kind: `vendor` if the secret's own shape gives it away, `credential` if its surroundings do, else `personal`.
        keywords: lower-case ASCII without white space; a text that holds none of them holds nothing for this rule.
        sources: regular expressions; what is replaced is the group `secret`, or the whole match where there is none.
        replacement: what takes the place of a secret.
        check: name of a test in `checks.py` that a find has to pass, or empty.
        group: the option that switches a personal rule on, or empty.
    """

    id: str
    kind: Kind
    keywords: tuple[str, ...]
    sources: tuple[str, ...]
    replacement: str
    check: str = ""
    group: str = ""

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The compiled expressions; compiled when the rule is first needed, since that takes milliseconds."""
        return tuple(re.compile(source, re.ASCII) for source in self.sources)


@dataclass(frozen=True)
class RuleSet:
    """Rules in the order in which they are applied, and the names that stand before secrets."""

    rules: tuple[Rule, ...]
    names: tuple[str, ...]

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """Every keyword once, and a word of each name that holds none: a text without any of these holds no secret."""
        keywords = list(dict.fromkeys(keyword for rule in self.rules for keyword in rule.keywords))
        for name in self.names:
            words = name.split("_")
            if not any(keyword in word for word in words for keyword in keywords):
                keywords.append(max(words, key=len))
        return tuple(keywords)

    def only(self, *kinds: Kind) -> RuleSet:
        """Return the rules of some kinds."""
        return RuleSet(tuple(rule for rule in self.rules if rule.kind in kinds), self.names)


def stems(keywords: Iterable[str]) -> tuple[str, ...]:
    """Return the keywords without those that hold another one: a text without any of them holds no keyword at all."""
    kept: list[str] = []
    for keyword in sorted(set(keywords), key=lambda keyword: (len(keyword), keyword)):
        if not any(shorter in keyword for shorter in kept):
            kept.append(keyword)
    return tuple(kept)


def marker(rule_id: str) -> str:
    """Return what stands where a secret was."""
    return f"[REDACTED:{rule_id}]"


@cache
def built_in_rules() -> RuleSet:
    """Return the rules that Beacon ships, personal ones included."""
    text = files(__package__).joinpath("rules.toml").read_text(encoding="utf-8")
    return parse_rules(tomllib.loads(text))


def select(rules: RuleSet, groups: Collection[str]) -> RuleSet:
    """Return `rules` without the personal groups that are not in `groups`."""
    kept = tuple(rule for rule in rules.rules if rule.kind != "personal" or rule.group in groups)
    return RuleSet(kept, rules.names)


def parse_rules(document: Mapping[str, Any]) -> RuleSet:
    """Return the rules of a TOML document.

    Raises:
        ConfigurationError: if a rule lacks a member, a keyword cannot work, or a fragment does not exist.
    """
    names = document.get("names", {})
    sure, unsure = tuple(names.get("sure", ())), tuple(names.get("unsure", ()))
    fragments = {"names": _any_name((*sure, *unsure))}
    for name, source in document.get("fragments", {}).items():
        fragments[name] = _expand(source, fragments)
    words = tuple(dict.fromkeys(name.split("_")[-1] for name in (*sure, *unsure)))
    rules: list[Rule] = []
    for entry in document.get("rule", ()):
        if entry.get("families"):
            rules += [_family(word, entry, fragments, sure, unsure) for word in words]
        else:
            rules.append(_rule(entry, fragments))
    return RuleSet(tuple(rules), (*sure, *unsure, *names.get("keys_only", ())))


def _rule(entry: Mapping[str, Any], fragments: Mapping[str, str]) -> Rule:
    try:
        identity, keywords = entry["id"], tuple(entry["keywords"])
        sources = tuple(_expand(source, fragments) for source in entry["patterns"])
    except KeyError as error:
        raise ConfigurationError(f"sanitize rule {entry.get('id', '?')}: {error} is missing") from None
    for keyword in keywords:
        if not keyword.isascii() or keyword != keyword.lower() or keyword.split() != [keyword]:
            raise ConfigurationError(f"sanitize rule {identity}: a keyword is lower-case ASCII without spaces")
    return Rule(
        id=identity,
        kind=entry["kind"],
        keywords=keywords,
        sources=sources,
        replacement=entry.get("replacement", marker(identity)),
        check=entry.get("check", ""),
        group=entry.get("group", ""),
    )


def _expand(source: str, fragments: Mapping[str, str]) -> str:
    def fragment(match: re.Match[str]) -> str:
        try:
            return fragments[match[1]]
        except KeyError:
            raise ConfigurationError(f"sanitize rules: there is no fragment {match[1]}") from None

    return _PLACEHOLDER.sub(fragment, source)


def _any_name(names: Iterable[str]) -> str:
    """Return an expression for any of `names`, in any case, with any separator between the words."""
    longest_first = sorted(names, key=len, reverse=True)
    return f"(?i:{'|'.join(name.replace('_', _SEPARATOR + '?') for name in longest_first)})"


def _family(
    word: str, entry: Mapping[str, Any], fragments: Mapping[str, str], sure: Iterable[str], unsure: Iterable[str]
) -> Rule:
    """Return a rule for the names that end with `word`; the group `sure` takes part if the name is a sure one.

    The expression `{{name}}` begins with the word, to whose first letter `re` skips quickly, and looks back for what
    has to stand before it.
    """
    before = [name.removesuffix(word).rstrip("_") for name in sure if name.split("_")[-1] == word]
    spellings = [start + separator for start in before for separator in ("", _SEPARATOR)]
    behind = "|".join(f"(?<={spelling}{word})" for spelling in spellings)
    name = f"[{word[0]}{word[0].upper()}](?i:{word[1:]})"
    if word in sure:
        name += "(?P<sure>)"
    else:
        name += f"(?:(?P<sure>(?i:{behind or '(?!)'})){'|' if word in unsure else ''})"
    return _rule({**entry, "keywords": [word]}, {**fragments, "name": name})
