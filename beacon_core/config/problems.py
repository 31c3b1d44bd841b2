"""What is wrong with a configuration: where it stands, what it is, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from beacon_core.errors import ConfigurationError

#: Keys and list indices from the top of a configuration down to a value.
Path: TypeAlias = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[^\s.\"'\[\]]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was written.

    Attributes:
        source: a file's path as the operator gave it, the name of a `BEACON__` variable, or `--set` with its path.
        line: from 1; 0 where a source has no lines.
        column: from 1, in characters; 0 where a source has no lines.
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct. `path` is the place in the configuration as text, empty for a file as a whole."""

    origin: Origin
    path: str
    message: str

    def __str__(self) -> str:
        where = str(self.origin)
        path = "" if where.endswith(self.path) else self.path  # `--set` names its path already
        return " ".join(part for part in (where, path, self.message) if part)


class InvalidConfigurationError(ConfigurationError):
    """Everything that is wrong with a configuration, one problem a line; the command line ends with exit code 78."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects problems, so that the operator sees all of them at once.

    Iterating gives them in the order of the sources (files as on the command line, then variables, then `--set`), and
    in the order of lines within a file.
    """

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._ranks: dict[str, int] = {}

    def register(self, source: str) -> None:
        """Give a source its place in the order; a source that is not registered comes after those that are."""
        self._ranks.setdefault(source, len(self._ranks))

    def add(self, origin: Origin, path: Path, message: str) -> None:
        """Note a problem; the same problem twice is one."""
        self.append(Problem(origin, path_text(path), message))

    def append(self, problem: Problem) -> None:
        """Note a problem that was put together elsewhere."""
        self.register(problem.origin.source)
        self._found.setdefault(problem)

    def raise_if_any(self) -> None:
        """Raise what was found.

        Raises:
            InvalidConfigurationError: if there is at least one problem.
        """
        if self:
            raise InvalidConfigurationError(self)

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self._found, key=lambda p: (self._ranks[p.origin.source], p.origin.line, p.origin.column)))

    def __len__(self) -> int:
        return len(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def path_text(path: Path) -> str:
    """Return a path as people write it: `exporters.file/archive.path`, `overlays[0].when."cicd.provider"`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{key}" if text else key
    return text


def suggest(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` was probably meant to be, empty if none is close."""
    import difflib  # noqa: PLC0415 - only when something is wrong

    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: `; did you mean "endpoint"?`, the known words if none is close and they are few."""
    names = sorted(known)
    close = suggest(word, names)
    if close:
        return f'; did you mean "{close}"?'
    return f"; known: {', '.join(names)}" if names else ""
