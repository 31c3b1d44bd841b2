"""Sections of the page of figures about what waits for Beacon: a CI job, and a command that reports about itself."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any


def ci(results: dict[str, Any]) -> tuple[str, list[list[str]]]:
    """Return what `ci.py` has found: a text and the lines of its table."""
    lines = [["ms", "median", "least", "most", "at most"]]
    for name, values in results["milliseconds"].items():
        lines.append([f"`{name}`", *_figures((statistics.median(values), min(values), max(values)), 0)])
        lines[-1].append(str(results["targets"][name]))
    text = (
        f"What a job waits for: {results['rounds']} rounds in turns, one event a session, nothing forwarded. What a"
        " destination takes to answer comes on top of `stop`."
    )
    return text, lines


def track(results: dict[str, Any]) -> tuple[str, list[list[str]]]:
    """Return what `track.py` has found."""
    lines = [["a command takes longer by, ms", "median", "least", "most", "CPU"]]
    for name, values in results["added_ms"].items():
        cpu = statistics.median(results["added_cpu_ms"][name])
        lines.append([name, *_figures((statistics.median(values), min(values), max(values), cpu), 1)])
    imports = ", ".join(f"`{statement}` {value:.1f} ms" for statement, value in results["imports_ms"].items())
    return (
        f"A command of click that reports about itself, {results['rounds']} rounds in turns. Imports: {imports}.",
        lines,
    )


def _figures(values: Iterable[float], places: int) -> list[str]:
    return [f"{value:.{places}f}" for value in values]
