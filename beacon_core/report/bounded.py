"""Keeps what is counted by name within bounds: a report of any input needs the same memory for a session."""

from __future__ import annotations

from collections.abc import Collection

#: What stands for the names that came when there were enough.
OTHERS = "(others)"

_LONGEST = 300


def bounded(name: str, known: Collection[str], most: int) -> str:
    """Return the name under which something is counted: its own, or `OTHERS` where there are `most` already."""
    name = shortened(name)
    return name if name in known or len(known) < most else OTHERS


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return a text of at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
