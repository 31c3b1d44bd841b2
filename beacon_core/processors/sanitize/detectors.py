"""Applies the rules to a text: each pattern where one of its keywords stands, all on the same text, then replaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import msgspec

from beacon_core.native import native
from beacon_core.processors.sanitize.actions import Actions
from beacon_core.processors.sanitize.checks import CHECKS
from beacon_core.processors.sanitize.rules import Kind, Pattern, Rule
from beacon_core.processors.sanitize.search import Hits, KeywordSearch, NativeEngine

_Span: TypeAlias = tuple[int, int, int, str]  # start, number of the rule, stop, what takes its place

#: What JSON that is an object or an array can begin with.
BEFORE_JSON = "{[ \t\r\n"


class Aside(IntEnum):
    """When more than the rules has to look at a text; numbers that `beacon_native.match` knows, too."""

    NEVER = 0
    UNCHANGED = 1  # if the rules find nothing
    FIRST = 2


class Redacted(msgspec.Struct, frozen=True, gc=False):
    """A text that was changed, how often each rule changed it, whether it was cut, and whether it is to be left out."""

    text: str
    counts: Mapping[str, int]
    cut: bool = False
    drop: bool = False


class _Direct(NamedTuple):
    """A pattern whose matches begin at a fixed distance before a keyword.

    Attributes:
        pattern: its number.
        rule: the number of its rule.
        match: matches at a place.
        group: what of a match is the secret.
        distance: characters from the beginning of a match to the keyword.
        needs: numbers of keywords of which one has to stand in the text, too; empty if none has.
    """

    pattern: int
    rule: int
    match: Callable[[str, int], re.Match[str] | None]
    group: str | int
    distance: int
    needs: frozenset[int]


class _Call(NamedTuple):
    """What a keyword calls: patterns to try where it stands, and patterns to look for in the whole text."""

    direct: tuple[_Direct, ...]
    others: Mapping[Pattern, int]


class Detectors:
    """The rules, ready for searching. Any thread.

    Args:
        rules: where finds overlap, the earlier rule wins.
        search: what the numbers in `Hits` come from; the keywords of the rules are among its own.
        actions: what is done with finds.
        aside: keywords of texts that more than the rules has to look at, and when.
    """

    def __init__(
        self, rules: Sequence[Rule], search: KeywordSearch, actions: Actions, aside: Mapping[str, Aside]
    ) -> None:
        self._rules = tuple(rules)
        self._actions = actions
        self._partial = actions.shows_parts
        self._checks = [CHECKS[rule.check] if rule.check else None for rule in rules]
        self._replacers = [actions.by_rule(rule.id) for rule in rules]
        self._keywords = {keyword: number for number, keyword in enumerate(search.keywords)}
        self._called: list[list[int]] = [[] for _ in search.keywords]
        for number, rule in enumerate(rules):
            for keyword in dict.fromkeys((*rule.keywords, *rule.anchors)):
                if keyword in self._keywords:
                    self._called[self._keywords[keyword]].append(number)
        self._calls: list[_Call | None] = [None] * len(self._keywords)
        self._native = self._compiled(search.native, aside)

    def of_kinds(self, *kinds: Kind) -> frozenset[int]:
        """Return the numbers of the rules of some kinds."""
        return frozenset(number for number, rule in enumerate(self._rules) if rule.kind in kinds)

    def apply(self, hits: Hits, counts: dict[str, int], only: Collection[int] | None = None) -> str:
        """Return a text with something else instead of the finds of the rules.

        What a rule could find only after another has changed the text is not found yet: it takes another round.

        Args:
            hits: the text, and where its keywords stand.
            counts: how often each rule found something; is added to.
            only: the numbers of the rules to apply, all of them if None.
        """
        if self._native is not None and only is None and type(hits.places) is list and not hits.keywords:
            done: str = self._native.apply(hits.text, hits.places, counts)
            return done
        spans: list[_Span] = []
        others = self._match_at_places(hits, spans)
        others.update(pair for keyword in hits.keywords for pair in self._all_of(keyword))
        if others:
            self._search(others, hits.text, spans)
        if only is not None:
            spans = [span for span in spans if span[1] in only]
        return self._replaced(hits.text, spans, counts) if spans else hits.text

    def apply_all(self, found: Iterable[Hits]) -> tuple[dict[str, Redacted], dict[str, Redacted], Iterable[Hits]]:
        """Apply the rules to those texts that nothing else has to look at, as far as there is native code for it.

        Returns:
            What becomes of texts that change; those of them in whose outcome something may be found; and what of
            `found` was left alone.
        """
        if self._native is None:
            return {}, {}, found
        done: tuple[dict[str, Redacted], dict[str, Redacted], list[Hits]] = self._native.apply_all(found)
        return done

    def _match_at_places(self, hits: Hits, spans: list[_Span]) -> dict[Pattern, int]:
        """Add what patterns find around keywords; return the patterns that are to be looked for in the whole text."""
        text, places, calls = hits.text, hits.places, self._calls
        ends: dict[int, int] = {}  # by pattern: where its last match ended
        others: dict[Pattern, int] = {}
        present: set[int] = set()
        for keyword, place in places:
            direct, more = calls[keyword] or self._call(keyword)
            if more:
                others.update(more)
            for pattern, rule, match_at, group, distance, needs in direct:
                start = place - distance
                if needs and not present:
                    present.update([number for number, _ in places])
                if start >= ends.get(pattern, 0) and (not needs or not needs.isdisjoint(present)):
                    match = match_at(text, start)
                    if match is not None:
                        ends[pattern] = match.end()
                        self._add(rule, match, group, spans)
        return others

    def _search(self, patterns: Mapping[Pattern, int], text: str, spans: list[_Span]) -> None:
        """Look for patterns anywhere in a text."""
        lower = _lower(text)
        for pattern, rule in patterns.items():
            for match in pattern.matches(text, lower):
                self._add(rule, match, pattern.group, spans)

    def _add(self, number: int, match: re.Match[str], group: str | int, spans: list[_Span]) -> None:
        """Add a find and what takes its place, if it is one."""
        start, stop = match.span(group)
        if start < 0 or (spans and spans[-1][0] <= start and stop <= spans[-1][2] and spans[-1][1] < number):
            return  # an earlier rule has it
        replacement = self._judge(number, match[group])
        if replacement is not None:
            spans.append((start, number, stop, replacement))

    def _judge(self, number: int, find: str) -> str | None:
        """Return what takes the place of what a rule has found, None if it is no find."""
        rule, check, replace = self._rules[number], self._checks[number], self._replacers[number]
        if check is not None and not check(find):
            return None
        if (rule.entropy and not rule.is_random(find)) or (self._partial and self._actions.is_shown(find)):
            return None
        return replace(find) if replace is not None else rule.replacement

    def _all_of(self, keyword: int) -> Iterator[tuple[Pattern, int]]:
        """Yield all patterns that a keyword calls, with the number of their rule."""
        for number in self._called[keyword]:
            for pattern in self._rules[number].patterns:
                yield pattern, number

    def _call(self, keyword: int) -> _Call:
        """Return what a keyword calls; worked out when it is met first, since expressions take time to compile."""
        direct: list[_Direct] = []
        others: dict[Pattern, int] = {}
        for pattern, number in self._all_of(keyword):
            rule, anchor = self._rules[number], pattern.anchor
            own = {self._keywords[word] for word in rule.keywords}
            known = anchor is not None and anchor.least == anchor.most and self._keywords.keys() >= {*anchor.words}
            if anchor is None or not known:
                if keyword in own:
                    others[pattern] = number
            elif keyword in {self._keywords[word] for word in anchor.words}:
                needs = frozenset() if keyword in own else frozenset(own)
                direct.append(_Direct(id(pattern), number, pattern.regex.match, pattern.group, anchor.least, needs))
        call = self._calls[keyword] = _Call(tuple(direct), others)
        return call

    def _compiled(self, engine: NativeEngine | None, aside: Mapping[str, Aside]) -> Any | None:
        """Return what does as `apply` in native code: a `beacon_native.match.Patterns`, None where it is missing."""
        module = native("match")
        if module is None or engine is None:
            return None
        calls: list[Any] = [None] * len(self._keywords)

        def call(keyword: int) -> Any:
            direct, others = self._call(keyword)
            made = calls[keyword] = (tuple(map(tuple, direct)), dict(others))
            return made

        judged = zip(self._rules, self._checks, self._replacers, strict=True)
        return module.Patterns(
            calls,
            call=call,
            ids=[rule.id for rule in self._rules],
            plain=[
                None if check or replace or rule.entropy or self._partial else rule.replacement
                for rule, check, replace in judged
            ],
            judge=self._judge,
            search=self._search,
            choose=_without_overlaps,
            keywords=engine.search,
            asides=bytes(aside.get(keyword, Aside.NEVER) for keyword in self._keywords),
            before_json=BEFORE_JSON,
            make=Redacted,
        )

    def _replaced(self, text: str, spans: list[_Span], counts: dict[str, int]) -> str:
        """Return a text with the replacements; of spans that overlap, that of the earliest rule counts."""
        chosen = _without_overlaps(spans) if len(spans) > 1 else spans
        parts: list[str] = []
        end = 0
        for start, rule, stop, replacement in chosen:
            parts += (text[end:start], replacement)
            end = stop
            rule_id = self._rules[rule].id
            counts[rule_id] = counts.get(rule_id, 0) + 1
        parts.append(text[end:])
        return "".join(parts)


def _without_overlaps(spans: list[_Span]) -> list[_Span]:
    """Return spans in order; what lay under a span that goes is looked at in the next round."""
    spans.sort()
    chosen = spans[:1]
    for span in spans[1:]:
        last = chosen[-1]
        if span[0] >= last[2]:
            chosen.append(span)
        elif span[1] < last[1]:
            chosen[-1] = span
    return chosen


def _lower(text: str) -> str:
    """Return ASCII letters in lower case, so that what stands where in a text stands there in this, too."""
    return text.lower() if text.isascii() else text.encode("ascii", "replace").decode("ascii").lower()
