"""Rules in table files: what they can say, and what is told about mistakes in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beacon_core import ConfigurationError, Event, Host
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor, load_tables
from beacon_core.testing import make_batch

BOT = 'agent: my_bot\nagents: {my_bot: ["*my-bot*"]}\nprefix: bot.\n'


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def problems(*tables: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_tables(CanonicalizeConfig(tables=list(tables)))
    return str(caught.value).splitlines()


def run(tmp_path: Path, rules: str, name: str = "bot.x", **attributes: Any) -> list[Event]:
    table = write(tmp_path / "bot.yaml", BOT + rules)
    processor = CanonicalizeProcessor(CanonicalizeConfig(tables=[table]))
    processor.start(Host("canonicalize"))
    batch = make_batch(1, name=name, body=None, attributes=attributes, resource={"service.name": "my-bot 1"})
    result = processor.process(batch)
    assert processor.process(result) is result
    return list(result)


@pytest.mark.parametrize(
    ("rule", "where", "words"),
    [
        ("event: [[x]]", "3:13", "rules[0].event expected a word"),
        ("events: x", "3:5", "rules[0].events unknown key; there are event, signal"),
        ("signal: trace", "3:13", '"trace" is not one of log, metric, span'),
        ("severity: bad", "3:15", '"bad" is not one of TRACE'),
        ("noise: maybe", "3:12", "expected true or false"),
        ("at_least: {a: b}", "3:5", "at_least takes whole numbers"),
        ("when: x", "3:5", "when takes a map"),
        ("when: {a: []}", "3:5", "when takes a word or a list of words"),
        ("set: {a: [b]}", "3:14", "rules[0].set.a expected a word"),
        ("fields: {a: {first: b}}", "3:17", "expected one operator; there are sum"),
        ("fields: {a: {first_word: b, on: c}}", "3:17", '"on" is no part of an expression'),
        ("fields: {a: {after: b}}", "3:17", 'expected "in" beside the operator'),
        ("fields: {a: {divide: [b, 0]}}", "3:17", "divide takes what to divide and a whole number"),
        ("fields: {a: {part: 3, like: 'x*', in: b}}", "3:17", "part takes a number"),
        ("fields: {a: {present: [b], in: c}}", "3:17", "present takes a word"),
        ("fields: {a: }", "3:14", "expected where to take the value from"),
    ],
)
def test_p10_a_mistake_in_a_rule_is_told_with_its_place(tmp_path: Path, rule: str, where: str, words: str) -> None:
    table = write(tmp_path / "t.yaml", f"agent: a\nrules:\n  - {rule}\n")
    (line, *_) = problems(table)
    assert line.startswith(f"{table}:{where} ")
    assert words in line


def test_p10_sections_of_another_shape_are_told(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "rules: {a: b}\nunnamed: {log: drop}\nsource: [x]\n")
    lines = problems(table)
    assert [line.partition(" ")[0] for line in lines] == [f"{table}:1:8", f"{table}:2:16", f"{table}:3:9"]


def test_two_rules_that_want_different_actions_for_the_same_events_name_both_places(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", "rules:\n  - {event: x, when: {a: b}, action: c}\n")
    two = write(tmp_path / "two.yaml", "rules:\n  - {event: [y, x], when: {a: b}, action: d}\n")
    (line,) = problems(one, two)
    assert line == f'{two}:2:5 the same events get the action "d" here and "c": {one}:2:5'


def test_a_rule_cannot_write_an_alias_or_what_the_processor_writes(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.yaml",
        "agent: a\nattributes: {team.name: [team]}\nrules:\n  - set: {team: x}\n  - set: {beacon.agent.name: x}\n",
    )
    first, second = problems(table)
    assert first.startswith(f'{table}:2:26 "team" of attributes means "team.name" here and is a canonical name itself')
    assert first.endswith(f": {table}:4:11")
    assert second.startswith(f'{table}:5:11 "beacon.agent.name" is written by this processor')


def test_a_rule_of_the_user_wins_over_a_shipped_one(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.yaml",
        "agent: claude_code\nevents: {my.prompt: [user_prompt]}\nrules:\n  - {event: feedback_survey, noise: false}\n",
    )
    processor = CanonicalizeProcessor(CanonicalizeConfig(tables=[table]))
    processor.start(Host("canonicalize"))
    for name, action in (("user_prompt", "my.prompt"), ("feedback_survey", "session.activity")):
        (event,) = processor.process(make_batch(1, name=name, resource={"service.name": "claude-code"}))
        assert event.name == action


def test_an_agent_of_the_user_is_normalized(tmp_path: Path) -> None:
    source = "source: {set: {team.kind: bots}, fields: {team.service: 'resource:service.name'}}\n"
    rules = source + "rules:\n  - {event: x, action: a.b, severity: ERROR}\n"
    (event,) = run(tmp_path, rules, odd=1)
    assert (event.name, event.severity_text) == ("a.b", "ERROR")
    expected = {
        "beacon.agent.name": "my_bot",
        "team.kind": "bots",
        "team.service": "my-bot 1",
        "beacon.raw": {"odd": 1},
    }
    assert event.attributes.items() >= expected.items()


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("when: {a: one}", True),
        ("when: {a: 'o*e'}", True),
        ("when: {a: [two, three]}", False),
        ("when: {flag: true}", True),
        ("when: {n: 5}", True),
        ("when: {list: one}", False),
        ("has: [a, n]", True),
        ("has: [a, none]", False),
        ("has: m/k", True),
        ("lacks: [none, empty]", True),
        ("at_least: {n: 5}", True),
        ("at_least: {n: 6}", False),
        ("at_least: {a: 1}", False),
        ("unless: {when: {a: one}}", False),
        ("unless: [{when: {a: two}}, {has: none}]", True),
        ("when: {'resource:service.name': 'my-bot*'}", True),
        ("when: {'event:name': bot.x}", True),
    ],
)
def test_conditions(tmp_path: Path, condition: str, holds: bool) -> None:
    attributes = {"a": "one", "n": 5, "flag": True, "list": ["one"], "empty": "", "m": '{"k": 1}'}
    (event,) = run(tmp_path, f"rules:\n  - event: x\n    {condition}\n    action: it.holds\n", **attributes)
    assert (event.name == "it.holds") is holds


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("text", "some words\nand more"),
        ("m/k", "v"),
        ("m/deep/er", 7),
        ("m/list/er", None),
        ("m/huge", None),
        ("[nothing, m/nothing, m/k]", "v"),
        ("{first_word: text}", "some"),
        ("{first_word: blank}", None),
        ("{after: 'some ', in: text}", "words"),
        ("{after: [x, 'and '], in: text}", "more"),
        ("{before: ' ', in: text}", "some"),
        ("{which: {and: 2, some: 1}, in: text}", "1"),
        ("{part: 2, like: 's*e *', in: text}", "words\nand more"),
        ("{part: 1, like: 'x*', in: text}", None),
        ("{present: yes it is, in: [nothing, n]}", "yes it is"),
        ("{present: yes it is, in: nothing}", None),
        ("{unlike: n, in: m/k}", "v"),
        ("{unlike: m/k, in: [nothing, m/k]}", None),
        ("{unlike: nothing, in: nothing}", None),
        ("{shell: words}", "a 'b c'"),
        ("{sum: [n, n, nothing, text]}", 10),
        ("{sum: [nothing]}", None),
        ("{difference: [n, m/deep/er]}", 0),
        ("{divide: [n, 10]}", 0.5),
        ("{bytes: [m/k, words]}", 5),
        ("{hash: text}", None),
        ("{uncut: cut}", None),
        ("nothing", None),
    ],
)
def test_expressions(tmp_path: Path, expression: str, value: object) -> None:
    attributes = {
        "text": "some words\nand more",
        "blank": " ",
        "words": ["a", "b c"],
        "n": 5,
        "cut": "x\u2026[9 chars]",
        "m": '{"k": "v", "deep": {"er": 7}, "list": [1], "huge": 123456789012345678901234567890}',
    }
    (event,) = run(tmp_path, f"rules:\n  - fields: {{acme.out: {expression}}}\n", **attributes)
    assert event.attributes.get("acme.out") == value


def test_unnamed_events_are_noise_where_a_file_says_so(tmp_path: Path) -> None:
    rules = "unnamed: {log: noise}\nevents: {a.b: [known]}\nrules:\n  - {event: 'also*', action: a.c}\n"
    assert run(tmp_path, rules) == []
    assert [event.name for event in run(tmp_path, rules, "bot.known")] == ["a.b"]
    assert [event.name for event in run(tmp_path, rules, "bot.also this")] == ["a.c"]
