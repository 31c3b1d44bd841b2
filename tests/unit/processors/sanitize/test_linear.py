"""Sanitizing takes linear time: doubling the input at most multiplies the processor time by 2.2, whatever the text.

Measured with short texts, which shows what is quadratic; `make linear` does the same up to 16 MiB.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from beacon_core.component import Host
from beacon_core.event import Batch, Event
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.linear import problem
from beacon_core.processors.sanitize.lines import redact_lines
from beacon_core.processors.sanitize.rules import built_in_rules, parse_rules
from beacon_core.processors.sanitize.text import Redacted, TextRedactor
from beacon_core.testing import make_event
from tests.unit.processors.sanitize.growth import BOUND, growth
from tests.unit.processors.sanitize.hostile import LAYERS, Maker, Run, of_rule

RULES = built_in_rules().rules
REDACTOR = TextRedactor(built_in_rules(), KnownValues(), 4)
KIB = 1024


@pytest.mark.parametrize("number", range(len(RULES)), ids=[rule.id for rule in RULES])
def test_s7_what_is_hostile_to_a_rule_takes_linear_time(number: int) -> None:
    assert growth(REDACTOR.redact, list(of_rule(RULES[number]).values()), 4 * KIB) <= BOUND


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_s7_what_is_hostile_to_a_layer_takes_linear_time(make: Maker) -> None:
    assert growth(REDACTOR.redact, [make], 32 * KIB) <= BOUND


@pytest.mark.parametrize("unit", ["tok", "dG9r", "tokabc ", "tok0"])
def test_s7_many_known_values_take_linear_time(unit: str) -> None:
    values = ["tok" + "".join(digits) for digits in itertools.product("abcdef0123", repeat=3)]
    assert growth(TextRedactor(built_in_rules(), KnownValues(values), 4).redact, [Run(unit)], 32 * KIB) <= BOUND


def test_s7_the_number_of_known_values_hardly_counts() -> None:
    def make(count: int) -> KnownValues:
        return KnownValues(f"tok{number:032b}" for number in range(count))

    text = "tok0" * (16 * KIB)
    assert growth(lambda known: known.redact(text, "*"), [make], 50) <= BOUND - 0.7


@pytest.mark.parametrize("unit", ["x" * 3000, "[TRUNCATED]", '{"a":', "[REDACTED:", "sk-", "\\u0022"])
def test_s7_cutting_takes_linear_time(unit: str) -> None:
    def cut(text: str) -> Redacted:
        return REDACTOR.cut(Redacted(text, {}), len(text) - 100)

    assert growth(cut, [Run(unit)], 32 * KIB) <= BOUND


@pytest.mark.parametrize("line", ["-----BEGIN PRIVATE " + "KEY-----\n", "x\n", "\n", "-----END \n", "password=x\r\n"])
def test_s7_lines_take_linear_time(line: str) -> None:
    assert (
        growth(lambda text: list(redact_lines(REDACTOR, text.splitlines(keepends=True))), [Run(line)], 32 * KIB)
        <= BOUND
    )


# ---- events ----


def _event(number: int, **members: object) -> Event:
    return make_event(number, **({"name": "", "body": None, "attributes": {}, "resource": {}} | members))


def _secret(number: int) -> str:
    return f"x sk_live_FAKE{number:08d}"


#: Events by their number, in the shapes that the processor treats differently.
BATCHES: dict[str, Callable[[int], list[Event]]] = {
    "of one shape": lambda count: [_event(n, attributes={"a": _secret(n)}, body=_secret(-n)) for n in range(count)],
    "of many shapes": lambda count: [_event(n, attributes={f"a{n // 4}": _secret(n)}) for n in range(count)],
    "each of its shape": lambda count: [_event(n, attributes={f"a{n}": _secret(n)}) for n in range(count)],
    "with many resources": lambda count: [_event(n, resource={"a": _secret(n)}) for n in range(count)],
    "with many attributes": lambda count: [
        _event(n, attributes={f"a{k}": _secret(k + n) for k in range(count // 8)}) for n in range(8)
    ],
    "with a long list": lambda count: [_event(0, body=[[_secret(n)] for n in range(count)])],
    "with keys that become equal": lambda count: [_event(0, attributes={f"/home/u{n}": n for n in range(count)})],
    "with keys that become equal under a sensitive one": lambda count: [
        _event(0, attributes={"token": {f"/home/u{n}": n for n in range(count)}})
    ],
    "that are too long": lambda count: [_event(n, body=_secret(n) * 300) for n in range(count // 20)],
    "that are too large": lambda count: [
        _event(n, attributes={f"a{k}": "x y" * 1000 for k in range(30)}) for n in range(count // 20)
    ],
}


@pytest.mark.parametrize("make", BATCHES.values(), ids=BATCHES)
def test_s7_batches_take_linear_time(make: Callable[[int], list[Event]]) -> None:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"max_event_bytes": "64MiB"}))
    processor.host = Host("sanitize")

    def batch(count: int) -> Batch:
        return Batch("b", tuple(make(count)))

    assert growth(processor.process, [batch], 1000) <= BOUND


# ---- the measurement notices ----


@pytest.mark.parametrize("source", ["foo[a-z]*;", "foo(?=[a-z]*)", r"foo\s*\s*=", "[a-z]+foo;"])
def test_an_expression_that_is_not_linear_is_noticed(source: str) -> None:
    rules = parse_rules({"rule": [{"id": "bad", "kind": "vendor", "keywords": ["foo"], "patterns": [source]}]})
    redactor = TextRedactor(rules, KnownValues(), 4)
    assert problem(source) is not None
    assert growth(redactor.redact, list(of_rule(rules.rules[0]).values()), 4 * KIB, doublings=1) > BOUND


def test_every_rule_has_hostile_texts() -> None:
    shapes = [of_rule(rule) for rule in RULES]
    assert all({"0 finds", "0 nearly finds"} <= each.keys() for each in shapes)
    assert sum(map(len, shapes)) > 4000
