from __future__ import annotations

from pathlib import Path

import pytest

from beacon_core import ConfigurationError, Host
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor, load_tables
from beacon_core.testing import make_batch


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def problems(*tables: Path, **options: object) -> list[str]:
    """Return the lines of the error that these tables end in."""
    with pytest.raises(ConfigurationError) as caught:
        load_tables(CanonicalizeConfig.model_validate({"tables": tables, **options}))
    return str(caught.value).splitlines()


def attributes(config: CanonicalizeConfig, **given: object) -> dict[str, object]:
    processor = CanonicalizeProcessor(config)
    processor.start(Host("canonicalize"))
    (event,) = processor.process(make_batch(1, attributes=given))
    return event.attributes


def test_one_alias_with_two_meanings_names_both_places(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", "attributes:\n  org.name:\n    - org\n")
    two = write(tmp_path / "two.yaml", "attributes:\n  organization: [team, org]\n")
    (line,) = problems(one, two)
    assert line.startswith(f'{two}:2:24 "org" of attributes means "organization" here and "org.name"')
    assert line.endswith(f": {one}:3:7")


def test_two_meanings_in_one_file_are_found_in_every_section(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.yaml",
        "events:\n  a: [x]\n  b: [x]\nvalues:\n  k:\n    a: [x]\n    b: [x]\nattributes:\n  a: [x]\n  b: [x]\n",
    )
    lines = problems(table)
    assert [line.split(" ")[0] for line in lines] == [f"{table}:{at}" for at in ("3:7", "7:9", "10:7")]


def test_an_alias_that_is_a_canonical_name_is_a_chain(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "attributes:\n  a: [b]\n  b: [c]\n")
    (line,) = problems(table)
    assert line == f'{table}:2:7 "b" of attributes means "a" here and is a canonical name itself: {table}:3:3'


def test_a_cycle_names_each_step(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "events:\n  a: [b]\n  b: [a]\n")
    assert [line.split(" ")[0] for line in problems(table)] == [f"{table}:2:7", f"{table}:3:7"]


def test_one_pattern_for_two_agents_is_ambiguous(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "agents:\n  a: ['*-bot*']\n  b: [x, '*-Bot*']\n")
    (line,) = problems(table)
    assert line == f'{table}:3:10 "*-Bot*" of agents means "b" here and "a": {table}:2:7'


def test_a_pattern_that_is_another_agents_name_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "agents:\n  a: [b]\n  b: [claude_code]\n")
    lines = problems(table)
    assert lines == [
        f'{table}:2:7 "b" of agents means "a" here and is a canonical name itself',
        f'{table}:3:7 "claude_code" of agents means "b" here and is a canonical name itself',
    ]


def test_a_pattern_of_a_pack_can_be_given_to_another_agent(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "agents:\n  acme_codex: ['*codex*']\n")
    processor = CanonicalizeProcessor(CanonicalizeConfig(tables=[table]))
    processor.start(Host("canonicalize"))
    (event,) = processor.process(make_batch(1, resource={"service.name": "codex_exec"}))
    assert event.attributes["beacon.agent.name"] == "acme_codex"


def test_a_chain_into_a_pack_names_the_pack(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "attributes:\n  my.tool: [gen_ai.tool.name]\n")
    lines = problems(table)
    assert {line.partition(" ")[0] for line in lines} == {f"{table}:2:13"}
    assert ": packs/claude_code.yaml:" in lines[0]


def test_a_table_of_the_options_names_the_option() -> None:
    (line,) = problems(attributes={"a": ["x"], "b": ["x"]})
    assert line == 'option attributes.b "x" of attributes means "b" here and "a": option attributes.a'


def test_values_and_types_stand_under_the_canonical_name(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.yaml", "attributes:\n  size: [bytes]\ntypes:\n  bytes: int\nvalues:\n  bytes: {a: [b]}\n"
    )
    first, second = problems(table)
    assert first == f'{table}:4:3 write "size" here, of which "bytes" is an alias: {table}:2:10'
    assert second.startswith(f"{table}:6:15 ")


@pytest.mark.parametrize(
    "options",
    [
        {"attributes": {"agent": ["beacon.agent.name"]}},
        {"attributes": {"beacon.agent.name": ["agent"]}},
        {"attributes": {"x": ["beacon.original.name"]}},
        {"values": {"beacon.event.action": {"a": ["b"]}}},
        {"types": {"beacon.source.event": "int"}},
    ],
)
def test_what_the_processor_writes_cannot_be_renamed(options: dict[str, object]) -> None:
    assert problems(packs=[], **options)


def test_two_types_of_one_attribute_are_ambiguous(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", "types:\n  n: int\n")
    two = write(tmp_path / "two.yaml", "types:\n  n: float\n")
    (line,) = problems(one, two)
    assert line == f'{two}:2:3 the type of "n" means "float" here and "int": {one}:2:3'


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("- a\n", ":1:1", "a table file is a map of agent"),
        ("atributes:\n  a: [b]\n", ":1:1", "atributes unknown section"),
        ("attributes: [a]\n", ":1:13", "attributes expected a map"),
        ("attributes:\n  a: [[b]]\n", ":2:7", "attributes.a expected a word"),
        ("attributes:\n  a:\n", ":2:3", "attributes.a expected a word"),
        ("attributes:\n  a: [b]\n  a: [c]\n", ":3:3", "duplicate key; the first one is at 2:3"),
        ("attributes:\n  ? [a]\n  : [b]\n", ":2:5", "a key is text"),
        ("types:\n  a: integer\n", ":2:6", '"integer" is no type'),
        ("attributes: {a: [b\n", ":2:1", "the [ of line 1 is not closed"),
        ("a: " + "[" * 100_000, ":1:103", "nested deeper than 100 levels"),
        ("a: \x00", ":1:4", "the character U+0000"),
    ],
)
def test_a_file_of_another_shape_is_told_where_and_what(tmp_path: Path, text: str, at: str, words: str) -> None:
    table = write(tmp_path / "t.yaml", text)
    (line,) = problems(table)
    assert line.startswith(f"{table}{at}")
    assert words in line


def test_all_files_are_looked_at_before_the_error(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.yaml", "nonsense: 1\ntypes: 2\n")
    missing = tmp_path / "missing.yaml"
    lines = problems(bad, missing, tmp_path, packs=["no_such_pack"])
    assert lines[0].startswith("packs/no_such_pack.yaml cannot be read")
    assert "agents, claude_code" in lines[0]
    assert lines[1].startswith(f"{bad}:1:1 ")
    assert lines[2].startswith(f"{bad}:2:8 ")
    assert lines[3].startswith(f"{missing} cannot be read (No such file or directory)")
    assert lines[4].startswith(f"{tmp_path} cannot be read")


def test_a_pack_is_a_name_and_no_path(tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", "attributes: {a: [b]}\n")
    assert problems(packs=[str(tmp_path / "mine")])
    assert problems(packs=["../packs/agents"])


def test_an_empty_file_is_an_empty_table(tmp_path: Path) -> None:
    load_tables(CanonicalizeConfig(tables=[write(tmp_path / "t.yaml", "# nothing\n")]))


def test_validate_finds_the_errors_without_a_start(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "attributes:\n  a: [b]\n  b: [c]\n")
    processor = CanonicalizeProcessor(CanonicalizeConfig(tables=[table]))
    with pytest.raises(ConfigurationError, match=r"t\.yaml:2:7"):
        processor.validate()
    with pytest.raises(ConfigurationError, match=r"t\.yaml:2:7"):
        processor.start(Host("canonicalize"))
    CanonicalizeProcessor(CanonicalizeConfig()).validate()


def test_tables_of_the_user_replace_what_a_pack_says(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "attributes:\n  acme.tool: [tool_name]\ntypes: {beacon.duration_ms: string}\n")
    given = {"beacon.agent.name": "claude_code", "tool_name": "Bash", "tool_use_id": "t1", "duration_ms": 5}
    result = attributes(CanonicalizeConfig(tables=[table]), **given)
    assert result.items() >= {"acme.tool": "Bash", "gen_ai.tool.call.id": "t1", "beacon.duration_ms": "5"}.items()
    assert "gen_ai.tool.name" not in result


def test_options_have_the_shape_of_a_table_file(tmp_path: Path) -> None:
    text = (
        "attributes: {command: [cmd]}\nvalues: {command: {organization: [org], env.claim: [claim]}}\ntypes: {n: int}\n"
    )
    in_file = CanonicalizeConfig(tables=[write(tmp_path / "t.yaml", text)])
    inline = CanonicalizeConfig(
        attributes={"command": ["cmd"]},
        values={"command": {"organization": ["org"], "env.claim": ["claim"]}},
        types={"n": "int"},
    )
    for config in (in_file, inline):
        assert attributes(config, cmd="claim", n="7") == {"command": "env.claim", "n": 7}
        assert attributes(config, cmd="org", n="x") == {"command": "organization", "n": "x"}


def test_a_table_about_an_agent_leaves_other_events_alone(tmp_path: Path) -> None:
    table = write(tmp_path / "t.yaml", "agent: my_bot\nagents: {my_bot: ['*-bot*']}\nattributes: {acme.size: [size]}\n")
    processor = CanonicalizeProcessor(CanonicalizeConfig(tables=[table]))
    processor.start(Host("canonicalize"))
    (event,) = processor.process(make_batch(1, attributes={"size": 1}, resource={"service.name": "Acme-Bot 2"}))
    assert event.attributes.items() >= {"acme.size": 1, "beacon.agent.name": "my_bot"}.items()
    other = make_batch(1, attributes={"size": 1})
    assert processor.process(other) is other
