"""The detectors: `rules.toml` and the packs of others, read and compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from heapq import merge
from importlib.resources import files
from typing import Any, Literal, get_args

import msgspec

from beacon_core.errors import ConfigurationError
from beacon_core.processors.sanitize.anchors import Anchor, find_anchor, find_start
from beacon_core.processors.sanitize.checks import entropy

Kind = Literal["vendor", "credential", "personal"]
_SEPARATOR = "[_. -]"
_PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")


class Pattern:
    """A compiled expression that looks around keywords only, where it is certain that a match holds one.

    Compiled when it is first needed, since that takes milliseconds. Any thread.
    """

    def __init__(self, source: str, keywords: Sequence[str]) -> None:
        self.source = source
        self._keywords = keywords

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The expression itself."""
        return re.compile(self.source, re.ASCII)

    @cached_property
    def group(self) -> str | int:
        """What of a match is the secret."""
        return "secret" if "secret" in self.regex.groupindex else 0

    @cached_property
    def anchor(self) -> Anchor | None:
        """Where a match holds a keyword, or what it begins with."""
        return find_anchor(self.source, self._keywords) or find_start(self.source)

    def matches(self, text: str, lower: str) -> Iterable[re.Match[str]]:
        """Return the matches from left to right, the same that `finditer` finds.

        Args:
            text: where to look.
            lower: the same with ASCII letters in lower case.
        """
        anchor = self.anchor
        if anchor is None:
            return self.regex.finditer(text)
        words, least, most = anchor
        if len(words) == 1 and least == most:
            place = lower.find(words[0])
            return () if place < 0 else self._at(_places(words[0], lower, place), text, least)
        found = [(place, word) for word in words if (place := lower.find(word)) >= 0]
        if not found:
            return ()
        if least != most:
            return self.regex.finditer(text, max(0, min(found)[0] - most))
        places = [_places(word, lower, place) for place, word in found]
        return self._at(merge(*places) if len(places) > 1 else places[0], text, least)

    def _at(self, places: Iterable[int], text: str, distance: int) -> Iterator[re.Match[str]]:
        end = distance
        match_at = self.regex.match
        for place in places:
            if place >= end:
                match = match_at(text, place - distance)
                if match is not None:
                    end = match.end() + distance
                    yield match


def _places(word: str, lower: str, place: int) -> Iterator[int]:
    """Yield where a word begins, from `place` on; one by one, since a hostile text holds millions of them."""
    while place >= 0:
        yield place
        place = lower.find(word, place + 1)


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
        entropy: bits a character (Shannon) that a find has at least; less is a word or a placeholder.
        anchors: what stands where a match begins, if that is not a keyword.
        description: what it finds, a sentence.
    """

    id: str
    kind: Kind
    keywords: tuple[str, ...]
    sources: tuple[str, ...]
    replacement: str
    check: str = ""
    group: str = ""
    anchors: tuple[str, ...] = ()
    entropy: float = 0.0
    description: str = ""

    def is_random(self, find: str) -> bool:
        """Say if a find has the entropy that it needs."""
        return not self.entropy or entropy(find) >= self.entropy

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """The expressions, compiled when they are needed."""
        return tuple(Pattern(source, self.anchors or self.keywords) for source in self.sources)


@dataclass(frozen=True)
class RuleSet:
    """Rules in the order in which they are applied, names that stand before secrets, and what patterns are made of."""

    rules: tuple[Rule, ...]
    names: tuple[str, ...]
    fragments: Mapping[str, str] = field(default_factory=dict, compare=False)

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """Every keyword once, and a word of each name that holds none: a text without any of these holds no secret."""
        keywords = list(dict.fromkeys(keyword for rule in self.rules for keyword in rule.keywords))
        for name in self.names:
            words = name.split("_")
            if not any(keyword in word for word in words for keyword in keywords):
                keywords.append(max(words, key=len))
        return tuple(keywords)

    @property
    def anchors(self) -> tuple[str, ...]:
        """What matches begin with beside keywords, as far as it is rare enough to be searched for like keywords."""
        return tuple(dict.fromkeys(word for rule in self.rules for word in rule.anchors if len(word) > 1))


def marker(rule_id: str) -> str:
    """Return what stands where a secret was."""
    return f"[REDACTED:{rule_id}]"


#: The packs that Beacon ships; `beacon` are its own rules.
Pack = Literal["beacon", "betterleaks", "gitleaks", "veles"]


@cache
def built_in_rules(packs: frozenset[Pack] = frozenset(get_args(Pack)), names: tuple[str, ...] = ()) -> RuleSet:
    """Return the rules of some of the packs that Beacon ships, personal ones included.

    Args:
        packs: which.
        names: more names that stand before secrets, lower-case words joined by `_`.

    Beacon's own come first, since their ids say more, the personal ones last. Its names that stand before secrets
    count whatever the packs are. What one pack has from another is there once.
    """
    document = tomllib.loads(_read("rules.toml"))
    document["names"]["sure"] += names
    own = parse_rules(document)
    rules = own.rules if "beacon" in packs else ()
    others = [rule for pack in get_args(Pack)[1:] if pack in packs for rule in _read_pack(pack, own.fragments)]
    personal = tuple(rule for rule in own.rules if rule.kind == "personal")
    every = (*(rule for rule in rules if rule.kind != "personal"), *_distinct(others), *personal)
    return RuleSet(every, own.names, own.fragments)


def _distinct(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Yield rules without those that find nothing that an earlier one of the same id does not find."""
    found: dict[tuple[Any, ...], list[Rule]] = {}
    for rule in rules:
        same = found.setdefault((rule.id, rule.kind, rule.sources, rule.replacement, rule.check, rule.anchors), [])
        if not any(other.entropy <= rule.entropy and {*rule.keywords} <= {*other.keywords} for other in same):
            same.append(rule)
            yield rule


def _read_pack(name: str, fragments: Mapping[str, str]) -> list[Rule]:
    document = msgspec.json.decode(_read(f"packs/{name}.json"))
    return [_rule(entry, fragments) for entry in document["rules"]]


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def select(rules: RuleSet, groups: Collection[str]) -> RuleSet:
    """Return `rules` without the personal groups that are not in `groups`."""
    kept = tuple(rule for rule in rules.rules if rule.kind != "personal" or rule.group in groups)
    return RuleSet(kept, rules.names, rules.fragments)


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
        elif entry.get("keywords") == ["{{words}}"]:
            rules.append(_rule({**entry, "keywords": words}, fragments))
        else:
            rules.append(_rule(entry, fragments))
    return RuleSet(tuple(rules), (*sure, *unsure, *names.get("keys_only", ())), fragments)


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
        anchors=tuple(entry.get("anchors", ())),
        entropy=entry.get("entropy", 0.0),
        description=entry.get("description", ""),
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
