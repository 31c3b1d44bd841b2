"""What `sanitize` costs an event, in batches of 100 like a coding agent's telemetry: in all, and by share.

Run it on an idle machine: python benchmarks/sanitize.py. Every batch is new to the processor, so that nothing it
remembers helps it, and has been decoded right before, with the garbage collector as in `beacon run`, so that memory
is as it is there. The yardstick, what gathering the distinct values of the attributes costs, tells machines apart.
"""

from __future__ import annotations

import argparse
import gc
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from beacon_core.cli.run import YOUNG_OBJECTS
from beacon_core.component import Host
from beacon_core.event import Batch
from beacon_core.otlp import decode_request
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor, walk
from beacon_core.processors.sanitize.batch import BatchRewriter
from beacon_core.processors.sanitize.collect import Found, Looking
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.making import load_rules
from beacon_core.processors.sanitize.rules import built_in_rules
from beacon_core.processors.sanitize.search import ENGINES, plain_engine
from beacon_core.processors.sanitize.text import TextRedactor
from machine import write_results
from records import Template

SIZE = 100
ROUNDS = 15
BATCHES = 20  # in a round


def batches(first: int) -> Iterator[Batch]:
    """Yield the batches of one round, different from those of any other, as soon as they are decoded."""
    bodies = [Template(SIZE, seed, "protobuf").fill(seed * SIZE) for seed in range(first, first + BATCHES)]
    for body in bodies:
        yield decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=1).batch


def cost(work: Callable[[Any], Any], inputs: Iterable[Any]) -> tuple[float, list[Any]]:
    """Return microseconds an event, without those that making the inputs takes, and what came out."""
    spent, results = 0, []
    for each in inputs:
        begin = time.process_time_ns()
        result = work(each)
        spent += time.process_time_ns() - begin
        results.append(result)
    return spent / 1e3 / (BATCHES * SIZE), results


def measure() -> dict[str, list[float]]:
    """Return the costs of every round by share."""
    processor = SanitizeProcessor(SanitizeConfig())
    processor.start(Host("sanitize"))
    rules, actions = load_rules(SanitizeConfig())
    redactor = TextRedactor(rules, KnownValues(), 4, actions=actions)
    plain = TextRedactor(rules, KnownValues(), 4, actions=actions, engines=[plain_engine])

    looking = Looking(redactor, SanitizeConfig().max_string_length)

    def rewrite(each: tuple[Batch, Found, Any]) -> None:
        batch, found, changes = each
        BatchRewriter(changes, redactor.keys, redactor.personal, found).events(batch)

    costs: dict[str, list[float]] = {}
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    for number in range(ROUNDS + 1):
        first = 1000 + number * BATCHES
        shares: dict[str, float] = {}
        fresh = list(batches(first))
        shares["yardstick"], _ = cost(lambda batch: set().union(*[e.attributes.values() for e in batch]), fresh)
        shares["sanitize"], _ = cost(lambda batch: len(processor.process(batch).events), batches(first))
        shares["  look for keywords"], found = cost(lambda batch: looking.look(batch.events), fresh)
        shares["  apply rules"], changes = cost(lambda each: redactor.redact_found(each.hits), found)
        shares["  rewrite events"], _ = cost(rewrite, zip(fresh, found, changes, strict=True))
        texts = [list(dict.fromkeys(text for event in batch for text in walk.texts(event))) for batch in fresh]
        shares["search and rules without an automaton"], _ = cost(plain.redact_all, texts)
        for name, value in shares.items():
            if number:  # the first round compiles the expressions
                costs.setdefault(name, []).append(value)
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    options = parser.parse_args()
    costs = measure()
    engine = next(make.__name__ for make in ENGINES if make([b"x"]))
    rules = len(built_in_rules().rules)
    print(f"{platform.platform()}, Python {platform.python_version()}, {rules} rules, engine: {engine}")
    print(f"{'microseconds an event':42}{'best':>8}{'median':>8}{'ratio':>8}")
    yardstick = min(costs["yardstick"])
    for name, values in costs.items():
        values.sort()
        print(f"{name:42}{values[0]:8.2f}{values[len(values) // 2]:8.2f}{values[0] / yardstick:8.1f}")
    if options.json:
        write_results(options.json, {"rounds": ROUNDS, "batch": SIZE, "rules": rules, "engine": engine, "costs": costs})


if __name__ == "__main__":
    main()
