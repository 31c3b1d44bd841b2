"""Redacts lines of text: what `beacon sanitize` does with files and standard input."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from beacon_core.processors.sanitize.text import TextRedactor

_TOGETHER = 256  # lines that are searched at once
_LONGEST_BLOCK = 400  # lines; a PEM block with a large key has a hundred
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_END = re.compile(r"-----END ")


class Line(NamedTuple):
    """A line, or a block of lines that belong together.

    Attributes:
        text: without secrets, with its line end; empty if it is to be left out.
        number: of its first line, from 1.
        counts: how often each rule found something in it.
    """

    text: str
    number: int
    counts: Mapping[str, int]


def redact_lines(redactor: TextRedactor, lines: Iterable[str]) -> Iterator[Line]:
    """Yield lines without secrets: JSON by its structure, a private key of many lines as one text, other lines alone.

    Args:
        redactor: what redacts them.
        lines: with their line ends; a few hundred are held at a time.
    """
    waiting: list[tuple[int, str]] = []
    for block in _blocks(lines):
        waiting.append(block)
        if len(waiting) >= _TOGETHER:
            yield from _redact(redactor, waiting)
            waiting = []
    yield from _redact(redactor, waiting)


def _redact(redactor: TextRedactor, blocks: list[tuple[int, str]]) -> Iterator[Line]:
    bodies = [text.rstrip("\r\n") for _, text in blocks]
    changes = redactor.redact_all(bodies)
    for (number, text), body in zip(blocks, bodies, strict=True):
        change = changes.get(body)
        if change is None:
            yield Line(text, number, {})
        else:
            yield Line("" if change.drop else change.text + text[len(body) :], number, change.counts)


def _blocks(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers; the lines of a private key together."""
    block: list[str] = []
    for number, line in enumerate(lines, 1):
        if not block and not _BEGIN.search(line):
            yield number, line
            continue
        block.append(line)
        if _END.search(line, line.find("-----BEGIN") + 1) or len(block) >= _LONGEST_BLOCK:
            yield number - len(block) + 1, "".join(block)
            block = []
    if block:
        yield number - len(block) + 1, "".join(block)
