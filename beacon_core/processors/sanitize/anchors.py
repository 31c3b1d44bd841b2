"""Finds out where in a match a rule's keyword stands, so that a text is looked at around its keywords only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

try:  # how `re` sees an expression; a Python that no longer shows it searches whole texts, with the same result
    from re import _constants as codes  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover - a later Python
    codes = parser = None

_MOST_SPELLINGS = 512
_LONGEST_START = 8
_FARTHEST = 512  # characters; a keyword that may stand farther in is no anchor


class Anchor(NamedTuple):
    """Every match holds one of `words` (in any case) after `least` to `most` of its characters."""

    words: tuple[str, ...]
    least: int
    most: int


def find_anchor(source: str, keywords: Collection[str]) -> Anchor | None:
    """Return where a match of `source` holds a keyword; None if it is not certain, or may be far from the beginning."""
    if parser is None or not keywords:
        return None
    try:
        nodes = list(parser.parse(source, re.ASCII))
    except (re.error, RecursionError, OverflowError):
        return None
    before_least = before_most = 0
    for index, node in enumerate(nodes):
        words = _beginnings(nodes[index:], keywords)
        if words:
            return Anchor(words, before_least, before_most)
        least, most = _width(node)
        before_least, before_most = before_least + least, before_most + most
        if before_most > _FARTHEST:
            return None
    return None


def find_start(source: str) -> Anchor | None:
    """Return words with which every match begins; None if there are none of two characters or more."""
    if parser is None:
        return None
    spellings = _spellings(list(parser.parse(source, re.ASCII)), {("", True)}, _LONGEST_START)
    words = {text for text, _ in spellings or {("", False)}}
    return Anchor(tuple(sorted(words)), 0, 0) if all(len(word) > 1 for word in words) else None


def required_words(source: str, longest: int = 16) -> tuple[str, ...]:
    """Return words of which every match holds one, in lower case and as long as can be; empty if there are none.

    For those who write rules, and for tests: a rule's keywords have to be like that.
    """
    best: tuple[str, ...] = ()
    for nodes in _sequences(list(parser.parse(source, re.ASCII)), _DEEPEST):
        for index in range(len(nodes)):
            spellings = _spellings(nodes[index:], {("", True)}, longest)
            words = {text.partition(" ")[0] for text, _ in spellings or {("", False)}}
            if len(words) <= _MOST_WORDS and min(map(len, words)) > min(map(len, best), default=_SHORTEST_WORD - 1):
                best = tuple(sorted(words))
    return best


_DEEPEST = 4
_MOST_WORDS = 24
_SHORTEST_WORD = 3


def _sequences(nodes: Sequence[Any], depth: int) -> Iterator[Sequence[Any]]:
    """Yield sequences that are part of every match."""
    yield nodes
    for code, value in nodes if depth else ():
        if code is codes.SUBPATTERN:
            yield from _sequences(list(value[-1]), depth - 1)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT) and value[0] > 0:
            yield from _sequences(list(value[2]), depth - 1)


def _beginnings(nodes: Sequence[Any], keywords: Collection[str]) -> tuple[str, ...]:
    """Return the keywords with which everything that `nodes` match begins; empty if something does not."""
    spellings = _spellings(nodes, {("", True)}, max(map(len, keywords)))
    found = [next((word for word in keywords if text.startswith(word)), "") for text, _ in spellings or ()]
    return tuple(dict.fromkeys(found)) if all(found) else ()


_State = set[tuple[str, bool]]  # what has been read so far in lower case, and whether it may go on


def _spellings(nodes: Iterable[Any], states: _State, longest: int) -> _State | None:
    """Return the possible beginnings of what `nodes` match, up to `longest` characters; None if there are too many."""
    for node in nodes:
        if all(not on or len(text) >= longest for text, on in states):
            break
        following = _step(node, longest)
        if following is None:
            return None
        states = {
            (text + more, on_after) if on and len(text) < longest else (text, on)
            for text, on in states
            for more, on_after in following
        }
        if len(states) > _MOST_SPELLINGS:
            return None
    return states


def _step(node: Any, longest: int) -> _State | None:
    """Return what one node can read: texts, and whether it is certain what comes after them."""
    code, value = node
    if code in (codes.ASSERT, codes.ASSERT_NOT, codes.AT):
        return {("", True)}
    if code is codes.LITERAL:
        return {(chr(value).lower(), True)} if value < 128 else {("", False)}  # noqa: PLR2004 - ASCII
    if code is codes.IN:
        return _members(value)
    if code in (codes.SUBPATTERN, codes.ATOMIC_GROUP):
        return _spellings(value[-1] if code is codes.SUBPATTERN else value, {("", True)}, longest)
    if code is codes.BRANCH:
        branches = [_spellings(branch, {("", True)}, longest) for branch in value[1]]
        return None if None in branches else {state for branch in branches for state in branch or ()}
    return {("", False)}


def _members(items: Iterable[Any]) -> _State:
    """Return what a set of few characters can read."""
    characters: set[str] = set()
    for code, value in items:
        if code is codes.LITERAL:
            characters.add(chr(value).lower())
        elif code is codes.RANGE and value[1] - value[0] < 16:  # noqa: PLR2004 - few
            characters.update(chr(character).lower() for character in range(value[0], value[1] + 1))
        else:
            return {("", False)}
    return {(character, True) if character.isascii() else ("", False) for character in characters}


def _width(node: Any) -> tuple[int, int]:
    state = parser.State()
    state.groupwidths = [(0, _FARTHEST + 1)] * 100  # a reference to a group may be anything here
    least, most = parser.SubPattern(state, [node]).getwidth()
    return int(least), int(most)
