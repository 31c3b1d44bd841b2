"""The targets that the project has set itself, and what the benchmarks say about each."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

#: What the benchmarks have written, by name.
Contents: TypeAlias = dict[str, dict[str, Any]]


class Target(NamedTuple):
    """A figure that has to be reached (`must`) or is wished for (`aim`); `less` says that less is better."""

    figure: str
    must: float
    aim: float
    unit: str
    measured: Callable[[Contents], float | None]
    less: bool = True


def _load(benchmark: str, encoding: str, batch: int, measure: str) -> Callable[[Contents], float | None]:
    """Return what finds a figure of one load: `cpu_us` in ratio to the sketch, memory and times as they are."""

    def find(contents: Contents) -> float | None:
        results = contents[benchmark]["results"]
        kind = "ratios" if measure in ("cpu_us", "events_per_s") else "medians"
        if kind == "ratios" and "floor" not in results["subjects"]:
            return None
        for load in results["loads"]:
            if f"HTTP {encoding}, batches of {batch}," in load["title"]:
                found: float | None = load["summaries"]["beacon"][kind][measure]
                return found
        return None

    return find


def _workers(contents: Contents) -> float | None:
    (load,) = contents["workers"]["results"]["loads"]
    one, two = (load["runs"].get(name, []) for name in ("beacon, one CPU", "beacon, 2 workers"))
    if not one:
        return None
    shares = [float(b["events_per_s"] / a["events_per_s"]) for a, b in zip(one, two, strict=True)]
    return statistics.median(shares)


def _startup(name: str) -> Callable[[Contents], float]:
    return lambda contents: statistics.median(contents["startup"]["results"]["milliseconds"][name])


def _queued(contents: Contents) -> float:
    return float(contents["queued"]["results"]["ratio"])


def _down(contents: Contents) -> float:
    return float(contents["backlog"]["results"]["runs"]["down"]["peak_mib"])


TARGETS = (
    Target("CPU an event", 1.8, 1.2, "x", _load("side_by_side", "protobuf", 100, "cpu_us")),
    Target("events/s", 0.6, 0.9, "x", _load("side_by_side", "protobuf", 100, "events_per_s"), False),
    Target("CPU an event, batches of 10", 2.5, 1.6, "x", _load("small", "protobuf", 10, "cpu_us")),
    Target("CPU an event, batches of 1", 2.5, 1.6, "x", _load("small", "protobuf", 1, "cpu_us")),
    Target("CPU an event, OTLP/JSON", 1.8, 1.0, "x", _load("side_by_side", "json", 100, "cpu_us")),
    Target("peak memory", 100, 60, "MiB", _load("side_by_side", "protobuf", 100, "peak_mib")),
    Target("peak memory, destination down", 120, 70, "MiB", _down),
    Target("start to first request", 400, 200, "ms", _load("side_by_side", "protobuf", 100, "start_ms")),
    Target("SIGTERM to exit", 150, 50, "ms", _startup("SIGTERM to exit")),
    Target("two workers on two CPUs, events/s", 1.6, 1.9, "x one on one", _workers, False),
    Target("CPU an event, long queue", 1.3, 1.05, "x empty", _queued),
)


def table(contents: Contents) -> list[list[str]]:
    """Return the table with its heading."""
    lines = [["figure", "must", "aim", "measured", ""]]
    for target in TARGETS:
        value = target.measured(contents)
        shown = "-" if value is None else f"{value:.2f}" if target.must < 10 else f"{value:.0f}"
        limits = [f"{limit:g} {target.unit}" for limit in (target.must, target.aim)]
        lines.append([target.figure, *limits, shown, _verdict(target, value)])
    return lines


def _verdict(target: Target, value: float | None) -> str:
    if value is None:
        return "not measured"
    sign = 1 if target.less else -1
    if value * sign <= target.aim * sign:
        return "aim met"
    return "met" if value * sign <= target.must * sign else "**missed**"
