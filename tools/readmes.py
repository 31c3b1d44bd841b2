"""Fills in the tables of options in the READMEs of plugins, for tools/reference.py.

A README asks for one with `<!-- options of exporters file -->` on a line, and `<!-- end of options -->` after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

PLUGINS = Path(__file__).parents[1] / "plugins"

_PLACE = re.compile(r"(<!-- options of (\w+) (\w+)[^\n]*-->\n).*?(\n<!-- end of options -->)", re.DOTALL)


def write(target: Path, options: Callable[[str, str], str]) -> None:
    """Write every README that asks for a table.

    Args:
        target: the folder that stands for `plugins`.
        options: returns the table of a component, given its kind and its type.
    """
    for path in sorted(PLUGINS.glob("*/README.md")):
        text = path.read_text(encoding="utf-8")
        if _PLACE.search(text):
            filled = _PLACE.sub(lambda place: f"{place[1]}\n{options(place[2], place[3])}\n{place[4]}", text)
            copy = target / path.relative_to(PLUGINS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(filled, encoding="utf-8")
