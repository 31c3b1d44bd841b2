"""What `sanitize` costs an event, in batches of 100 like a coding agent's telemetry: in all, and by share.

Run it on an idle machine: python benchmarks/sanitize.py. Every batch is new to the processor, so that nothing it
remembers helps it. For what it costs in all, each has been decoded right before, with the garbage collector as in
`beacon run`, so that memory is as it is there; for the shares, all of a round are. The expressions of all rules have
been compiled, each of which is when its keyword is met first. The yardstick, what gathering the distinct values of the
attributes costs, tells machines apart.
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
from beacon_core.testing import make_event
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


class Sanitizing:
    """What is measured, with the expressions of all rules compiled."""

    def __init__(self) -> None:
        config = SanitizeConfig()
        rules, actions = load_rules(config)
        self._processor = SanitizeProcessor(config)
        self._processor.start(Host("sanitize"))
        self._redactor = TextRedactor(rules, KnownValues(), 4, actions=actions)
        self._plain = TextRedactor(rules, KnownValues(), 4, actions=actions, engines=[plain_engine])
        self._looking = Looking(self._redactor, config.max_string_length)
        keywords = " ".join(self._redactor.search.keywords)
        self._processor.process(Batch("warm", (make_event(body=keywords),)))
        self._redactor.redact(keywords)
        self._plain.redact(keywords)

    def whole(self, first: int) -> dict[str, float]:
        """Return what all of it costs."""
        costs, _ = cost(lambda batch: len(self._processor.process(batch)), batches(first))
        return {"sanitize": costs}

    def shares(self, first: int) -> dict[str, float]:
        """Return the yardstick, and what parts of it cost."""
        fresh, found = list(batches(first)), {}
        found["yardstick"], _ = cost(lambda batch: set().union(*[e.attributes.values() for e in batch]), fresh)
        found["  look for keywords"], looks = cost(lambda batch: self._looking.look(batch.events), fresh)
        found["  apply rules"], changes = cost(lambda look: self._redactor.redact_found(look.hits), looks)
        found["  rewrite events"], _ = cost(self._rewrite, zip(fresh, looks, changes, strict=True))
        texts = [list(dict.fromkeys(text for event in batch for text in walk.texts(event))) for batch in fresh]
        found["search and rules without an automaton"], _ = cost(self._plain.redact_all, texts)
        return found

    def _rewrite(self, each: tuple[Batch, Found, Any]) -> None:
        batch, look, changes = each
        BatchRewriter(changes, self._redactor.keys, self._redactor.personal, look).events(batch)


def measure() -> dict[str, list[float]]:
    """Return the costs of every round by share."""
    sanitizing = Sanitizing()
    costs: dict[str, list[float]] = {}
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    for number in range(ROUNDS + 1):
        first = 1000 + number * BATCHES
        whole = sanitizing.whole(first)
        shares = sanitizing.shares(first)
        for name, value in {"yardstick": shares["yardstick"], **whole, **shares}.items():
            if number:  # in the first round all is new
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
