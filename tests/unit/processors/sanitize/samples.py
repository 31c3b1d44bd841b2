"""Texts made from rules."""

from __future__ import annotations

import random
import re
import string
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LETTERS = string.ascii_letters + string.digits


class Sampler:
    """Makes texts that an expression matches; the same ones every time."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def sample(self, source: str) -> str:
        return self.sequence(list(parser.parse(source, re.ASCII)))

    def sequence(self, nodes: list[Any]) -> str:
        return "".join(self.node(code, value) for code, value in nodes)

    def node(self, code: Any, value: Any) -> str:  # noqa: PLR0911 - a table of cases
        if code is codes.LITERAL:
            return chr(value)
        if code is codes.IN:
            return self._member(value)
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            most = min(int(value[1]), max(int(value[0]) + 3, 24 if int(value[1]) > 24 else 0))
            return "".join(self.sequence(list(value[2])) for _ in range(self._random.randint(int(value[0]), most)))
        if code is codes.SUBPATTERN:
            return self.sequence(list(value[-1]))
        if code is codes.ATOMIC_GROUP:
            return self.sequence(list(value))
        if code is codes.BRANCH:
            return self.sequence(list(self._random.choice(value[1])))
        return "x" if code in (codes.ANY, codes.NOT_LITERAL) else ""

    def _member(self, items: list[Any]) -> str:
        expression = re.compile("[" + "".join(map(self._piece, items)) + "]", re.ASCII)
        fitting = [c for c in LETTERS if expression.match(c)] or [c for c in string.printable if expression.match(c)]
        return self._random.choice(fitting)

    def _piece(self, item: Any) -> str:
        code, value = item
        if code is codes.NEGATE:
            return "^"
        if code is codes.LITERAL:
            return re.escape(chr(value))
        if code is codes.RANGE:
            return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        name = str(value).removeprefix("CATEGORY_")
        letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name.removeprefix("NOT_")]
        return "\\" + (letter.upper() if name.startswith("NOT_") else letter)
