"""Judges whether an expression takes linear time: `re` backtracks, so an expression has to leave it little choice.

A repetition without an end is fine where nothing after it can fail, where what follows tells for certain where it ends,
or where it is possessive (`*+`, `++`). Repetitions with an end multiply: their choices together may be at most
`MOST_CHOICES` from one place in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

try:
    from re import _constants as codes  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover - a later Python
    codes = parser = None

MOST_CHOICES = 4096
_ENDLESS = 8192  # a repetition that may be longer counts as one without an end


def problem(source: str) -> str | None:
    """Return what is wrong with an expression, None if it is one and takes linear time."""
    if parser is None:
        return "this version of Python does not let expressions be checked"
    try:
        tree = parser.parse(source, re.ASCII)
        re.compile(source, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a regular expression of Python: {error}"
    if tree.getwidth()[0] == 0:
        return "it matches an empty text"
    try:
        choices = _choices(list(tree), last=True)
    except _EndlessError as error:
        return str(error)
    if choices > MOST_CHOICES:
        return "it may try too many ways to match; make its repetitions shorter or possessive"
    return None


class _EndlessError(Exception):
    """A repetition that can be tried in as many ways as the text is long."""


def _choices(nodes: Sequence[Any], *, last: bool) -> int:
    """Return in how many ways `nodes`, a sequence, can be matched at most; `last` if nothing that can fail follows."""
    total = 1
    for index, node in enumerate(nodes):
        rest = nodes[index + 1 :]
        ends = last and all(_cannot_fail(later) for later in rest)
        decided = bool(rest) and _decided(node, _first(rest))
        if not ends and _is_endless(node) and not (decided or node[0] is codes.POSSESSIVE_REPEAT):
            raise _EndlessError(_NOT_LINEAR)
        if not ends and _is_endless(node) and not _fenced(node, nodes[:index]):
            raise _EndlessError("a match could begin at each place of a repetition without an end; bound it")
        total *= 1 if decided else _choices_of(node, last=ends)
        total = min(total, MOST_CHOICES * 2)
    return total


_NOT_LINEAR = "something that may fail follows a repetition without an end; bound it or make it possessive"


def _is_endless(node: Any) -> bool:
    code, value = node
    return code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT) and bool(value[1] > _ENDLESS)


def _fenced(node: Any, before: Sequence[Any]) -> bool:
    """Say if a character has to stand before a repetition that cannot stand in it: then no match begins within one."""
    inside = list(node[1][2])
    if len(inside) != 1 or inside[0][0] not in _SINGLE:
        return False
    return any(earlier[0] in _SINGLE and not _first([earlier]) & _first(inside) for earlier in before)


def _decided(node: Any, following: frozenset[int]) -> bool:
    """Say if a repetition of one character can end in one place only, since what follows cannot begin with the same."""
    code, value = node
    if code not in (codes.MAX_REPEAT, codes.MIN_REPEAT) or not following:
        return False
    inside = list(value[2])
    return len(inside) == 1 and inside[0][0] in _SINGLE and not _first(inside) & following


_SINGLE = () if codes is None else (codes.LITERAL, codes.NOT_LITERAL, codes.IN, codes.ANY)
_EVERY = frozenset(range(129))  # ASCII, and one number for all else


def _first(nodes: Sequence[Any]) -> frozenset[int]:
    """Return with which characters a match of `nodes` can begin; every one if that is not certain."""
    found: frozenset[int] = frozenset()
    for node in nodes:
        code, value = node
        if code in (codes.AT, codes.ASSERT, codes.ASSERT_NOT):
            continue
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            found |= _first(list(value[2]))
            if value[0] == 0:
                continue
            return found
        if code is codes.SUBPATTERN and not value[1] and not value[2]:
            return found | _first(list(value[-1]))
        if code is codes.BRANCH and all(branch.getwidth()[0] for branch in value[1]):
            return found.union(*[_first(list(branch)) for branch in value[1]])
        return found | _characters(node)
    return _EVERY


def _characters(node: Any) -> frozenset[int]:
    code, value = node
    if code is codes.LITERAL:
        return frozenset((min(value, 128), *_other_case(value)))
    if code is codes.NOT_LITERAL:
        return _EVERY - {value}
    if code is codes.IN:
        return _members(value)
    return _EVERY


def _other_case(character: int) -> Sequence[int]:
    return (ord(chr(character).swapcase()),) if chr(character).isascii() else ()


def _members(items: Sequence[Any]) -> frozenset[int]:
    found: set[int] = set()
    negated = False
    for code, value in items:
        if code is codes.NEGATE:
            negated = True
        elif code is codes.LITERAL:
            found.add(min(value, 128))
        elif code is codes.RANGE:
            found.update(range(min(value[0], 128), min(value[1], 128) + 1))
        elif code is codes.CATEGORY:
            found.update(_CATEGORIES.get(str(value), _EVERY))
        else:
            return _EVERY
    if negated:
        return _EVERY - found
    return frozenset(found).union(*[_other_case(character) for character in found if character < 128])  # noqa: PLR2004


_DIGITS = frozenset(range(ord("0"), ord("9") + 1))
_SPACES = frozenset(map(ord, " \t\n\r\f\v"))
_WORDS = frozenset(character for character in range(128) if chr(character).isalnum() or chr(character) == "_")
_CATEGORIES = {
    "CATEGORY_DIGIT": _DIGITS,
    "CATEGORY_SPACE": _SPACES,
    "CATEGORY_WORD": _WORDS,
    "CATEGORY_NOT_DIGIT": _EVERY - _DIGITS,
    "CATEGORY_NOT_SPACE": _EVERY - _SPACES,
    "CATEGORY_NOT_WORD": _EVERY - _WORDS,
}


def _choices_of(node: Any, *, last: bool) -> int:
    code, value = node
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        return _of_repeat(*value, last=last)
    if code in (codes.POSSESSIVE_REPEAT, codes.ATOMIC_GROUP):
        return _choices(list(value[2] if code is codes.POSSESSIVE_REPEAT else value), last=False)  # never tried anew
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return _choices(list(value[1]), last=False)  # it may read to the end, and the search goes on where it began
    if code is codes.SUBPATTERN:
        return _choices(list(value[-1]), last=last)
    branches = value[1] if code is codes.BRANCH else value[1:] if code is codes.GROUPREF_EXISTS else ()
    return sum(_choices(list(branch), last=last) for branch in branches if branch is not None) or 1


def _of_repeat(least: int, most: int, inside: Any, *, last: bool) -> int:
    nodes = list(inside)
    inner = _choices(nodes, last=False)
    if most > _ENDLESS:
        if not last:
            raise _EndlessError(_NOT_LINEAR)
        if inner > 1:
            raise _EndlessError("a repetition without an end holds another repetition or alternatives")
        return 1
    if inner > 1 and most > 1:
        return int(min(inner ** min(most, 16), MOST_CHOICES * 2))
    return inner if last else int(inner * (most - least + 1))


def _cannot_fail(node: Any) -> bool:
    code, value = node
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return bool(value[0] == 0)
    return code is codes.SUBPATTERN and all(_cannot_fail(inner) for inner in value[-1])
