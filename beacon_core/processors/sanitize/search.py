"""Finds which keywords stand in which texts: one search for all keywords over all texts of a batch together.

An automaton does it: that of `beacon-native`, which reads texts as they are, or of `ahocorasick-rs` (the extra `fast`
has both), else that of `pyahocorasick`, which every install has that has a wheel or a compiler; else an expression of
`re`. All find the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, partial
from importlib import import_module
from operator import itemgetter
from typing import Any, Protocol, TypeAlias

import msgspec

from beacon_core.native import native
from beacon_core.processors.sanitize.base64 import SHORTEST_RUN, is_readable, runs

#: Which keyword, and where it begins.
Hit: TypeAlias = tuple[int, int]
#: Returns every place of every keyword in lower-case bytes.
Engine: TypeAlias = Callable[[bytes], Iterable[Hit]]

_TOGETHER = 64 * 1024  # bytes that are searched at once: what is found has to fit into memory
_RUN_HERE = -1  # in place of the number of a keyword
_SEPARATOR = "\0"  # stands between texts that are searched together
_LOWER = bytes(ord("?") if byte > 127 else byte for byte in bytes(range(256)).lower())  # noqa: PLR2004 - ASCII


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


class Hits(Protocol):
    """A text that keywords stand in, or that holds base64 of what they may stand in; `beacon_native.text.Hits` is one.

    Attributes:
        text: the text.
        places: the numbers of the keywords and where they stand, in the order of their beginnings.
        keywords: of a text that is too long to keep every place, the numbers of the keywords instead.
        run: whether a run of characters in it may be base64 of something that counts.
    """

    @property
    def text(self) -> str: ...
    @property
    def places(self) -> Sequence[Hit]: ...
    @property
    def keywords(self) -> Collection[int]: ...
    @property
    def run(self) -> bool: ...


class _Hits(msgspec.Struct, gc=False):
    text: str
    places: Sequence[Hit] = ()
    keywords: Collection[int] = ()
    run: bool = False


def native_engine(keywords: Sequence[bytes]) -> NativeEngine | None:
    """Return a search by the automaton of `beacon-native`, three times as fast again, None if it is not installed."""
    module, gather = native("text"), native("gather")
    if module is None or gather is None:
        return None
    return NativeEngine(partial(module.Search, list(keywords), SHORTEST_RUN), gather.Gathered)


class NativeEngine:
    """An engine that takes texts as they are, and whole batches.

    Args:
        search: makes a `beacon_native.text.Search`, once it is needed.
        gathered: makes a `beacon_native.gather.Gathered`, which looks through a batch.
    """

    def __init__(self, search: Callable[..., Any], gathered: Callable[..., Any]) -> None:
        self._search, self._gathered = search, gathered

    @cached_property
    def search(self) -> Any:
        """The `beacon_native.text.Search`."""
        return self._search()

    @cached_property
    def gathered(self) -> Callable[..., Any]:
        """Makes a `beacon_native.gather.Gathered` of what remains to be said."""
        return partial(self._gathered, self.search)

    def with_base64(self, coded: Iterable[int], coded_text: Iterable[int]) -> NativeEngine:
        """Return one that finds base64, too, of what some keywords stand in, and of text that others stand in."""
        return NativeEngine(partial(self._search, coded=list(coded), coded_text=list(coded_text)), self._gathered)

    def scan(self, texts: Iterable[str]) -> list[Hits]:
        """Return the texts in which something stands."""
        found: list[Hits] = self.search.scan(texts)
        return found


#: Makes a search for keywords; None if what it needs is not installed.
EngineMaker: TypeAlias = Callable[[Sequence[bytes]], Engine | NativeEngine | None]
#: The quickest first.
ENGINES: tuple[EngineMaker, ...] = (native_engine, fast_engine, automaton_engine, plain_engine)


class KeywordSearch:
    """A search for a set of keywords. Immutable, any thread.

    Args:
        keywords: lower-case ASCII without white space, none empty.
        coded: those of them that are looked for in what base64 stands for, too.
        coded_text: those that are looked for there as far as it is readable text.
        engines: what makes a search, the first one that is installed.
    """

    def __init__(
        self,
        keywords: Iterable[str],
        *,
        coded: Collection[str] = (),
        coded_text: Collection[str] = (),
        engines: Sequence[EngineMaker] = ENGINES,
    ) -> None:
        #: What the numbers of keywords stand for.
        self.keywords = tuple(dict.fromkeys(keywords))
        words = [keyword.encode("ascii") for keyword in self.keywords]
        numbers = {keyword: number for number, keyword in enumerate(self.keywords)}
        self._coded = frozenset(numbers[keyword] for keyword in coded)
        self._coded_text = frozenset(numbers[keyword] for keyword in coded_text)
        self._overlap = max(map(len, words), default=1) - 1
        made = (make(words) for make in engines if words)
        engine = next((engine for engine in made if engine), None) or plain_engine(words)
        #: What searches, if it is native code.
        self.native: NativeEngine | None = None
        if isinstance(engine, NativeEngine):
            self.native = engine.with_base64(self._coded, self._coded_text)
        else:
            self._engine = engine

    def scan(self, texts: Sequence[str]) -> Iterable[Hits]:
        """Return the texts in which something stands, in any order."""
        return self._scan(texts) if self.native is None else self.native.scan(texts)

    def _scan(self, texts: Sequence[str]) -> Iterator[Hits]:
        for some in _portions(texts):
            joined = _SEPARATOR.join(some)
            if len(joined) > _TOGETHER:
                yield from self._scan_long(joined)
            elif joined.count(_SEPARATOR) == len(some) - 1:
                yield from self._scan_together(joined)
            else:  # a text holds what was to stand between texts
                for text in some:
                    yield from self._scan_one(text)

    def counts(self, decoded: Sequence[bytes]) -> bool:
        """Say if a keyword that counts stands in one of the things that base64 may stand for."""
        found = self._keywords_in(b"\n".join(decoded).translate(_LOWER))
        if not found.isdisjoint(self._coded):
            return True
        if found.isdisjoint(self._coded_text):
            return False
        readable = [data.lower() for data in decoded if is_readable(data)]
        return any(not self._keywords_in(data).isdisjoint(self._coded_text) for data in readable)

    def _scan_together(self, joined: str) -> Iterator[Hits]:
        data = joined.encode("ascii", "replace")  # a byte a character, so that positions stay
        hits = [*self._engine(data.lower()), *[(_RUN_HERE, place) for place, _ in runs(data)]]
        hits.sort(key=itemgetter(1))
        begin = end = 0
        places: list[Hit] = []
        run = False
        for number, place in hits:
            if place >= end:  # another text
                if end:
                    yield _Hits(joined[begin:end], places, (), run)
                begin, end = joined.rfind(_SEPARATOR, 0, place) + 1, joined.find(_SEPARATOR, place)
                end = end if end >= 0 else len(joined)
                places, run = [], False
            if number == _RUN_HERE:
                run = True
            else:
                places.append((number, place - begin))
        if end:
            yield _Hits(joined[begin:end], places, (), run)

    def _scan_one(self, text: str) -> Iterator[Hits]:
        data = text.encode("ascii", "replace")
        places, run = sorted(self._engine(data.lower()), key=itemgetter(1)), any(runs(data))
        if places or run:
            yield _Hits(text, places, run=run)

    def _scan_long(self, text: str) -> Iterator[Hits]:
        """Return what stands in a long text, piece by piece: all places together could take too much memory."""
        data = text.encode("ascii", "replace")
        keywords, run = self._keywords_in(data.lower()), any(runs(data))
        if keywords or run:
            yield _Hits(text, keywords=keywords, run=run)

    def _keywords_in(self, data: bytes) -> set[int]:
        """Return the numbers of the keywords in lower-case bytes."""
        if self.native is not None:
            found = self.native.scan([data.decode("ascii")])
            return {number for hits in found for number in (*hits.keywords, *[number for number, _ in hits.places])}
        pieces = (data[begin : begin + _TOGETHER + self._overlap] for begin in range(0, len(data), _TOGETHER))
        return {number for piece in pieces for number, _ in self._engine(piece)}


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield texts that are searched together; a long one stands alone."""
    if sum(map(len, texts)) + len(texts) <= _TOGETHER:
        yield texts
        return
    first = size = 0
    for index, text in enumerate(texts):
        if size and size + len(text) >= _TOGETHER:
            yield texts[first:index]
            first, size = index, 0
        size += len(text) + 1
    if size:
        yield texts[first:]
