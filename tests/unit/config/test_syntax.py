from __future__ import annotations

from pathlib import Path

import pytest

from beacon_core.config import Node, Origin, Problems
from beacon_core.config.syntax import parse_file, parse_text, parse_value

PARSERS = pytest.mark.parametrize("pure", [False, True], ids=["c", "python"])


def read(text: str, *, pure: bool = False) -> Node:
    problems = Problems()
    root = parse_text(text, "p.yaml", problems, pure=pure)
    assert not problems, str(problems)
    assert root is not None
    return root


def complaints(text: str, *, pure: bool = False) -> list[str]:
    problems = Problems()
    parse_text(text, "p.yaml", problems, pure=pure)
    return [str(problem) for problem in problems]


def positions(node: Node, path: str = "") -> dict[str, str]:
    """Return `line:column` of every key (`a.b`) and value (`a.b=`)."""
    found = {f"{path}=": f"{node.origin.line}:{node.origin.column}"}
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            below = f"{path}.{key}" if path else key
            found[below] = f"{node.keys[key].line}:{node.keys[key].column}"
            found |= positions(child, below)
    elif isinstance(node.value, list):
        for number, child in enumerate(node.value):
            found |= positions(child, f"{path}[{number}]")
    return found


TEXT = """\
# a comment
exporters:
  file/archive: {path: "é", names: [ü, x]}
  splunk_hec:
    token: ${env:T}
    empty:
    list:
      - one
      - |
        block
    flow: {a: , b}
"""


@PARSERS
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_positions_are_exact(pure: bool, line_end: str, mark: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes((mark + TEXT.replace("\n", line_end)).encode())
    problems = Problems()
    root = parse_file(file, problems, pure=pure)
    assert root is not None
    assert not problems
    assert positions(root) == {
        "=": "2:1",
        "exporters": "2:1",
        "exporters=": "3:3",
        "exporters.file/archive": "3:3",
        "exporters.file/archive=": "3:17",
        "exporters.file/archive.path": "3:18",
        "exporters.file/archive.path=": "3:24",
        "exporters.file/archive.names": "3:29",
        "exporters.file/archive.names=": "3:36",
        "exporters.file/archive.names[0]=": "3:37",
        "exporters.file/archive.names[1]=": "3:40",
        "exporters.splunk_hec": "4:3",
        "exporters.splunk_hec=": "5:5",
        "exporters.splunk_hec.token": "5:5",
        "exporters.splunk_hec.token=": "5:12",
        "exporters.splunk_hec.empty": "6:5",
        "exporters.splunk_hec.empty=": "6:5",
        "exporters.splunk_hec.list": "7:5",
        "exporters.splunk_hec.list=": "8:7",
        "exporters.splunk_hec.list[0]=": "8:9",
        "exporters.splunk_hec.list[1]=": "9:9",
        "exporters.splunk_hec.flow": "11:5",
        "exporters.splunk_hec.flow=": "11:11",
        "exporters.splunk_hec.flow.a": "11:12",
        "exporters.splunk_hec.flow.a=": "11:12",
        "exporters.splunk_hec.flow.b": "11:17",
        "exporters.splunk_hec.flow.b=": "11:17",
    }


@PARSERS
def test_quoted_and_block_scalars_are_text(pure: bool) -> None:
    root = read("a: '1'\nb: \"true\"\nc: |\n  12\nd: >-\n  null\ne: !!str 5\nf: 5\n", pure=pure)
    assert root.plain() == {"a": "1", "b": "true", "c": "12\n", "d": "null", "e": "5", "f": 5}


@PARSERS
def test_yaml_1_1_surprises_do_not_happen(pure: bool) -> None:
    root = read("country: no\nat: 12:30:00\nversion: 3.10\nid: 012\nday: 2024-01-01\n", pure=pure)
    assert root.plain() == {"country": "no", "at": "12:30:00", "version": "3.10", "id": "012", "day": "2024-01-01"}


@PARSERS
def test_a_key_is_the_text_that_was_written(pure: bool) -> None:
    root = read("1: a\nno: b\nnull: c\n3.10: d\n2024-01-01: e\n", pure=pure)
    assert root.plain() == {"1": "a", "no": "b", "null": "c", "3.10": "d", "2024-01-01": "e"}


@PARSERS
@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "\ufeff", "null"])
def test_an_empty_file_is_an_empty_map(text: str, pure: bool) -> None:
    assert read(text.removeprefix("\ufeff"), pure=pure).value == {}


@PARSERS
def test_aliases_and_merge_keys_work(pure: bool) -> None:
    root = read("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd:\n  <<: [{x: 9}, *a]\n  z: 4\n", pure=pure)
    assert root.plain() == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
        "d": {"x": 9, "y": 2, "z": 4},
    }
    assert positions(root)["c.x"] == "1:8"
    assert read("'<<': 1\n", pure=pure).plain() == {"<<": 1}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@PARSERS
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "p.yaml:3:1 a duplicate key; the first one is at 1:1"),
        ("a:\n  x: {k: 1, k: 2}\n", "p.yaml:2:13 a.x.k duplicate key; the first one is at 2:7"),
        ("a: !!python/object/apply:os.system [id]\n", "p.yaml:1:4 a tags (!!python/object/apply:os.system)"),
        ("a: !secret b\n", "p.yaml:1:4 a tags (!secret) are not supported"),
        ("a: !!int 5\n", "p.yaml:1:4 a tags (!!int) are not supported"),
        ("? [a, b]\n: 1\n", "p.yaml:1:3 a key is text, not a map or a list"),
        ("a: {<<: 5}\n", "p.yaml:1:9 a.<< expected an alias of a map"),
        ("- a\n- b\n", "p.yaml:1:1 a pipeline file is a map of receivers, processors, exporters, service, overlays"),
        ("just text\n", "p.yaml:1:1 a pipeline file is a map"),
        ("a: 1\n---\nb: 2\n", "p.yaml:2:1 a file holds one document; this is a second one"),
        ("a: {k: ${env:X}}\n", 'p.yaml:1:8 within {...} or [...] a reference needs quotes: "${env:X}"'),
        ("a: [x, ${file:b/c}]\n", 'p.yaml:1:8 within {...} or [...] a reference needs quotes: "${file:b/c}"'),
        ("a:\n\tb: 1\n", "p.yaml:2:1 a tab cannot indent YAML; use spaces"),
        ("a: @x\n", 'p.yaml:1:4 "@" needs quotes around it'),
        ("a: %x\n", 'p.yaml:1:4 "%" needs quotes around it'),
        ("a: b: c\n", 'p.yaml:1:5 a ": " can stand here only within quotes'),
        ("a: 1\nb: 'never closed\n", "p.yaml:2:4 this quote is never closed"),
        ("a: *nope\n", "p.yaml:1:4 an alias (*name) without its anchor (&name) before it"),
        ("a: {b: 1\nc: 2\n", "p.yaml:2:2 the { of line 1 is not closed, or a comma is missing"),
        ("a: [1, 2\nb: 3\n", "p.yaml:2:2 the [ of line 1 is not closed, or a comma is missing"),
        ("a:\n  b: 1\n c: 2\n", "p.yaml:3:2 does not fit to the block that begins at line 1; look at the indentation"),
        ("a: 1\nb: x\x00y\n", "p.yaml:2:5 the character U+0000 cannot stand in YAML"),
        ("a: &x [*x]\n", "p.yaml:1:1 nested deeper than 100 levels, or an alias (*name) within its own anchor"),
        (BOMB, "p.yaml:1:1 aliases make this more than 100000 values"),
        ("a: " + "[" * 300 + "]" * 300, "p.yaml:1:103 nested deeper than 100 levels"),
    ],
)
def test_p10_what_is_wrong_with_the_text_is_said_with_its_position(text: str, expected: str, pure: bool) -> None:
    (complaint,) = complaints(text, pure=pure)
    assert complaint.startswith(expected)


@PARSERS
def test_p10_a_syntax_error_in_each_section_is_reported_at_once(pure: bool) -> None:
    text = "receivers:\n  otlp: {a: ${env:A}}\nprocessors: {}\nexporters:\n  x: [1\nservice:\n  y: 'open\n"
    assert complaints(text, pure=pure) == [
        'p.yaml:2:13 within {...} or [...] a reference needs quotes: "${env:A}"',
        "p.yaml:6:1 the [ of line 5 is not closed, or a comma is missing",
        "p.yaml:7:6 this quote is never closed",
    ]


@PARSERS
def test_p10_a_problem_within_an_anchor_is_reported_once(pure: bool) -> None:
    assert len(complaints("a: &a {k: 1, k: 2}\nb: *a\nc: *a\n", pure=pure)) == 1


@PARSERS
def test_very_deep_nesting_is_a_problem_and_no_crash(pure: bool) -> None:
    assert complaints("a: " + "[" * 20_000, pure=pure)


def test_p10_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    problems = Problems()
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: 1\nb: caf\xe9\n")
    assert parse_file(tmp_path / "missing.yaml", problems) is None
    assert parse_file(tmp_path, problems) is None
    assert parse_file(latin, problems) is None
    assert [str(problem) for problem in problems] == [
        f"{tmp_path}/missing.yaml cannot be read: No such file or directory",
        f"{tmp_path} cannot be read: Is a directory",
        f"{latin}:2:7 is not UTF-8 text; save the file as UTF-8",
    ]


@PARSERS
@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("3.10", "3.10"), ("", None), ("'5'", "5"), ("[a, 1]", ["a", 1]), ("{a: {b: no}}", {"a": {"b": "no"}})],
)
def test_a_single_value_follows_the_same_rules(text: str, value: object, pure: bool) -> None:
    problems = Problems()
    origin = Origin("--set a")
    node = parse_value(text, origin, ("a",), problems, pure=pure)
    assert node is not None
    assert node.plain() == value
    assert {below.origin for below in node.walk()} == {origin}


def test_p7_a_wrong_value_is_not_quoted() -> None:
    problems = Problems()
    assert parse_value("{a: hunter2", Origin("--set a"), ("a",), problems) is None
    assert "hunter2" not in str(problems)
