"""Reads the small files that say something about a run: bounded, and never an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

MAX_BYTES = 512 * 1024  # an event file of GitHub has some 30 KB

_PROPERTY = re.compile(r"\s*((?:[^\s\\:=]|\\.)+)[ \t\f]*[:=]?[ \t\f]*(.*)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


def read_bounded(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return a regular file's content; empty if there is none, it cannot be read or is larger than `limit`."""
    try:
        if not path.is_file() or path.stat().st_size > limit:
            return b""
        with path.open("rb") as file:  # files in /proc have size 0 and content
            content = file.read(limit + 1)
    except (OSError, ValueError):  # ValueError: a path with a null character
        return b""
    return content if len(content) <= limit else b""


def read_json(path: str) -> Any:
    """Return a JSON document; None if it cannot be read."""
    content = read_bounded(Path(path)) if path else b""
    try:
        return msgspec.json.decode(content) if content else None
    except (ValueError, RecursionError):  # what msgspec raises is a ValueError
        return None


def member(document: Any, way: str) -> str:
    """Return what stands at a dotted way in a JSON document as text; empty if it is no single value."""
    for name in way.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    if isinstance(document, bool):
        return str(document).lower()
    return str(document) if isinstance(document, str | int) else ""


def read_properties(path: str) -> dict[str, str]:
    """Return a properties file of Java: Latin-1, and a backslash at the end of a line continues it."""
    text = read_bounded(Path(path)).decode("latin-1") if path else ""
    found: dict[str, str] = {}
    for line in re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t\f]*", r"\1", text).splitlines():
        match = None if line.lstrip()[:1] in {"", "#", "!"} else _PROPERTY.fullmatch(line)
        if match:
            found[_unescape(match[1])] = _unescape(match[2])
    return found


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _LETTERS.get(found[2], found[2]), text)
