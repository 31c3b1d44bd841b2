"""`make linear`: hostile texts for every rule and layer of `sanitize`, up to 16 MiB; ends with 1 if one is not linear.

First every text at a small size and twice that; then the slowest of each rule, and those of all layers, at all
powers of two up to the largest; then, alone, those that seemed to grow faster. Takes hours for one processor.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import NamedTuple

from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import built_in_rules
from beacon_core.processors.sanitize.text import TextRedactor
from tests.unit.processors.sanitize.growth import BOUND, cost, growth
from tests.unit.processors.sanitize.hostile import LAYERS, Maker, of_rule

_KIB = 1024
_SMALL = 64 * _KIB
_PROGRESS = 100  # texts


class Case(NamedTuple):
    """Where a hostile text comes from: the number of its rule, or -1 for the layers, and its name."""

    rule: int
    name: str

    def __str__(self) -> str:
        rule = "layer" if self.rule < 0 else f"{built_in_rules().rules[self.rule].id} ({self.rule})"
        return f"{rule}: {self.name}"


class Result(NamedTuple):
    """What was measured: seconds for the larger text, and by what doubling multiplied the time."""

    case: Case
    seconds: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.case}: {self.seconds:.2f} s, {self.ratio:.2f} times that of half of it"


def main() -> int:
    """Measure everything and print what is not linear."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.linear", description=__doc__)
    parser.add_argument("--mebibytes", type=int, default=16, help="size of the largest text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processors to use")
    parser.add_argument("--every", type=int, default=1, help="take only every so many rules")
    parser.add_argument("--only", nargs="+", metavar="ID", help="take only these rules, and layers as `layer`")
    options = parser.parse_args()
    begin = time.monotonic()
    cases = chosen(options.every, options.only)
    with ProcessPoolExecutor(options.jobs) as pool:
        say(f"linear: {len(cases)} texts of {2 * _SMALL // _KIB} KiB")
        first = report(pool.map(small, cases, chunksize=4))
        large = [result.case for result in slowest(first)]
        say(f"{len(large)} of them up to {options.mebibytes} MiB, after {time.monotonic() - begin:.0f} s")
        second = report(pool.map(up_to, large, [options.mebibytes * _KIB * _KIB] * len(large)))
    doubted = [result.case for result in (*first, *second) if result.ratio > BOUND]
    if doubted:  # by what else the machine did; alone, and over five doublings, noise goes away
        say(f"{len(doubted)} of them again, one after the other, after {time.monotonic() - begin:.0f} s")
    bad = [result for result in map(again, doubted) if result.ratio > BOUND]
    for result in bad:
        say(f"  NOT LINEAR: {result}")
    say(f"{time.monotonic() - begin:.0f} s; {len(bad)} NOT LINEAR" if bad else "all linear")
    return 1 if bad else 0


def chosen(every: int, only: list[str] | None) -> list[Case]:
    """Return what is to be measured."""
    rules = built_in_rules().rules
    layers = [Case(-1, name) for name in LAYERS if not only or "layer" in only]
    numbers = [number for number in range(0, len(rules), every) if not only or rules[number].id in only]
    return layers + [Case(number, name) for number in numbers for name in of_rule(rules[number])]


@cache
def redactor() -> TextRedactor:
    """Return what is measured, one for each process."""
    return TextRedactor(built_in_rules(), KnownValues(), 4)


def maker(case: Case) -> Maker:
    """Return what makes the text of a case."""
    return LAYERS[case.name] if case.rule < 0 else of_rule(built_in_rules().rules[case.rule])[case.name]


def small(case: Case) -> Result:
    """Measure a text at the small size."""
    make = maker(case)
    ratio = growth(redactor().redact, [make], _SMALL, doublings=4)
    return Result(case, cost(redactor().redact, [make(2 * _SMALL)]), ratio)


def again(case: Case) -> Result:
    """Measure a text up to 16 MiB, while nothing else is measured."""
    return up_to(case, 16 * _KIB * _KIB)


def up_to(case: Case, largest: int) -> Result:
    """Measure a text at each power of two, and return the mean growth of a step.

    A single step can be larger where a text outgrows a cache or memory is given out anew: what is only read takes 4 ns
    a character, and then 5. What grows faster than its text grows so at each step.
    """
    make = maker(case)
    size, before, mean = 2 * _SMALL, cost(redactor().redact, [make(2 * _SMALL)], 3), 0.0
    first, steps = max(before, 1e-9), 0
    while size < largest:
        after = cost(redactor().redact, [make(2 * size)])
        for repetitions in (3, 5):
            if after > BOUND * before:
                before, after = (cost(redactor().redact, [make(each)], repetitions) for each in (size, 2 * size))
        size, before, steps = 2 * size, after, steps + 1
        mean = (after / first) ** (1 / steps)
        gc.collect()
    return Result(case, before, mean)


def slowest(results: Iterable[Result]) -> Iterator[Result]:
    """Yield all results of the layers, and of each rule that of its slowest text."""
    of_rules: dict[int, Result] = {}
    for result in results:
        if result.case.rule < 0:
            yield result
        elif result.case.rule not in of_rules or of_rules[result.case.rule].seconds < result.seconds:
            of_rules[result.case.rule] = result
    yield from of_rules.values()


def report(results: Iterable[Result]) -> list[Result]:
    """Print what is not linear as soon as it is known, how far it is, and the slowest; return all."""
    done = []
    for result in results:
        done.append(result)
        if len(done) % _PROGRESS == 0:
            say(f"  {len(done)} measured")
        if result.ratio > BOUND:
            say(f"  doubtful: {result}")
    for result in sorted(done, key=lambda result: -result.seconds)[:10]:
        say(f"  slow: {result}")
    return done


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
