"""Finds which keywords stand in which texts: one search for all keywords over all texts of a batch together.

An automaton does it: that of `ahocorasick-rs` (the extra `fast`), else that of `pyahocorasick`, which every install has
that has a wheel or a compiler; else an expression of `re`. All find the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import accumulate
from typing import Any, TypeAlias

#: Which keyword, and where it begins.
Hit: TypeAlias = tuple[int, int]
#: Returns every place of every keyword in lower-case bytes.
Engine: TypeAlias = Callable[[bytes], Iterable[Hit]]

_TOGETHER = 64 * 1024  # bytes that are searched at once: what is found has to fit into memory
_SHORTEST_RUN = 20  # characters of base64: a secret of 15
_RUN = b"x" * _SHORTEST_RUN
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_CLASSES = bytes(ord("x") if byte in _BASE64 else ord(" ") for byte in range(256))


def plain_engine(keywords: Sequence[bytes]) -> Engine:
    """Return a search that needs nothing but Python: one expression, in which keywords share their beginnings."""
    numbers = {keyword: number for number, keyword in enumerate(keywords)}
    shorter = {
        keyword: [numbers[keyword[:length]] for length in range(1, len(keyword)) if keyword[:length] in numbers]
        for keyword in keywords
    }
    find = re.compile(b"(?=(" + _expression(_trie(keywords)) + b"))" if keywords else b"(?!)").finditer

    def search(data: bytes) -> Iterator[Hit]:
        for match in find(data):
            keyword, start = match[1], match.start()
            yield numbers[keyword], start
            for number in shorter[keyword]:
                yield number, start

    return search


_Trie: TypeAlias = dict[int, Any]  # by the next byte; _END where a keyword ends
_END = -1


def _trie(keywords: Iterable[bytes]) -> _Trie:
    root: _Trie = {}
    for keyword in keywords:
        node = root
        for byte in keyword:
            node = node.setdefault(byte, {})
        node[_END] = True
    return root


def _expression(node: _Trie) -> bytes:
    """Return an expression for the longest keyword of a part of the trie."""
    branches = [re.escape(bytes([byte])) + _expression(after) for byte, after in node.items() if byte != _END]
    if not branches:
        return b""
    joined = branches[0] if len(branches) == 1 and _END not in node else b"(?:" + b"|".join(branches) + b")"
    return joined + b"?" if _END in node else joined


def automaton_engine(keywords: Sequence[bytes]) -> Engine | None:
    """Return a search by the automaton (Aho-Corasick) of `pyahocorasick`, None if it is not installed."""
    try:
        module = import_module("ahocorasick")
    except ImportError:
        return None
    automaton = module.Automaton()
    for number, keyword in enumerate(keywords):
        automaton.add_word(keyword.decode("ascii"), (number, len(keyword) - 1))
    automaton.make_automaton()
    find = automaton.iter

    def search(data: bytes) -> Iterable[Hit]:
        return [(number, end - before) for end, (number, before) in find(data.decode("ascii"))]

    return search


def fast_engine(keywords: Sequence[bytes]) -> Engine | None:
    """Return a search by the automaton of `ahocorasick-rs`, five times as fast, None if it is not installed."""
    try:
        module = import_module("ahocorasick_rs")
    except ImportError:
        return None
    automaton = module.BytesAhoCorasick(keywords, implementation=module.Implementation.DFA)
    find = automaton.find_matches_as_indexes

    def search(data: bytes) -> Iterable[Hit]:
        return [(number, start) for number, start, _ in find(data, overlapping=True)]

    return search


#: Makes a search for keywords; None if what it needs is not installed.
EngineMaker: TypeAlias = Callable[[Sequence[bytes]], Engine | None]
#: The quickest first.
ENGINES: tuple[EngineMaker, ...] = (fast_engine, automaton_engine, plain_engine)


class KeywordSearch:
    """A search for a set of keywords. Immutable, any thread.

    Args:
        keywords: lower-case ASCII without white space, none empty.
        engines: what makes a search, the first one that is installed.
    """

    def __init__(self, keywords: Iterable[str], *, engines: Sequence[EngineMaker] = ENGINES) -> None:
        #: What the numbers of keywords stand for.
        self.keywords = tuple(dict.fromkeys(keywords))
        coded = [keyword.encode("ascii") for keyword in self.keywords]
        self._overlap = max(map(len, [*coded, _RUN])) - 1
        made = (make(coded) for make in engines if coded)
        self._engine = next((engine for engine in made if engine), None) or plain_engine(coded)

    def find(self, texts: Sequence[str]) -> tuple[dict[int, set[int]], set[int]]:
        """Return for each text that holds keywords their numbers, and which texts hold a run that may be base64.

        The keys, and the members of the second set, are positions in `texts`.
        """
        found: dict[int, set[int]] = {}
        runs: set[int] = set()
        for first, some in _portions(texts):
            ends = list(accumulate([len(text) + 1 for text in some]))
            data = "\n".join([*some, ""]).encode("ascii", "replace")  # a byte a character, so that positions stay
            for begin in range(0, len(data), _TOGETHER):
                piece = data[begin : begin + _TOGETHER + self._overlap]
                for number, start in self._engine(piece.lower()):
                    index = first + bisect_right(ends, begin + start)
                    if index in found:
                        found[index].add(number)
                    else:
                        found[index] = {number}
                runs.update(first + bisect_right(ends, begin + start) for start in _runs(piece))
        return found, runs


def _portions(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield texts that are searched together, with the position of the first; a long one may stand alone."""
    if sum(map(len, texts)) <= _TOGETHER:
        yield 0, texts
        return
    first = size = 0
    for index, text in enumerate(texts):
        if size and size + len(text) > _TOGETHER:
            yield first, texts[first:index]
            first, size = index, 0
        size += len(text) + 1
    if size:
        yield first, texts[first:]


def _runs(data: bytes) -> Iterator[int]:
    """Yield where runs begin that may be base64: long enough for a secret, and with letters of both cases.

    Hashes, ids and words have letters of one case. Of a run at the end of `data` it is not known yet.
    """
    classes = data.translate(_CLASSES)
    start = classes.find(_RUN)
    while start >= 0:
        end = classes.find(b" ", start)
        run = data[start : end if end >= 0 else None]
        if end < 0 or not (run.islower() or run.isupper()):
            yield start
        start = classes.find(_RUN, end) if end >= 0 else -1


def may_be_base64(text: str) -> bool:
    """Say if there is such a run in a text."""
    return len(text) >= _SHORTEST_RUN and any(True for _ in _runs(text.encode("ascii", "replace") + b"\n"))
