from __future__ import annotations

from pathlib import Path

import pytest

from beacon_core.config import Node, Origin, Problems, Referenced
from beacon_core.config.references import resolve

HERE = Origin("p.yaml", 3, 7)
ENVIRON = {"TOKEN": "s3cret", "EMPTY": "", "PORT": "4318", "NESTED": "${env:TOKEN}"}


def expand(text: str) -> tuple[Node, list[str]]:
    problems = Problems()
    node = resolve(Node(text, HERE), ENVIRON, problems, ("exporters", "x", "y"))
    return node, [str(problem).removeprefix("p.yaml:3:7 exporters.x.y ") for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:TOKEN}", "s3cret"),
        ("Bearer ${env:TOKEN}", "Bearer s3cret"),
        ("${env:PORT}", "4318"),
        ("${env:PORT}:${env:TOKEN}", "4318:s3cret"),
        ("${env:EMPTY}", ""),
        ("${env:NOPE:-default}", "default"),
        ("${env:NOPE:-}", ""),
        ("${env:EMPTY:-default}", "default"),
        ("${env:TOKEN:-default}", "s3cret"),
        ("${env:NOPE:-http://x:80/?a=b}", "http://x:80/?a=b"),
        ("${env:NOPE:-a:-b}", "a:-b"),
        ("${env:NESTED}", "${env:TOKEN}"),
        ("$${env:TOKEN} ${env:TOKEN}", "${env:TOKEN} s3cret"),
    ],
)
def test_a_reference_is_replaced_by_what_it_stands_for(text: str, value: str) -> None:
    node, complaints = expand(text)
    assert not complaints
    assert node.value == value
    assert isinstance(node.value, Referenced)
    assert node.origin == HERE


@pytest.mark.parametrize(
    ("text", "value"), [("$${env:TOKEN}", "${env:TOKEN}"), ("a$b", "a$b"), ("$$", "$$"), ("{}", "{}"), ("$5", "$5")]
)
def test_text_without_a_reference_is_no_secret(text: str, value: str) -> None:
    node, complaints = expand(text)
    assert (node.value, complaints) == (value, [])
    assert not isinstance(node.value, Referenced)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "${env:TOKN}",
            'the variable TOKN is not set; set it or write ${env:TOKN:-default}; did you mean "TOKEN"?',
        ),
        ("${env:ZEBRA}", "the variable ZEBRA is not set; set it or write ${env:ZEBRA:-default}"),
        ("${TOKEN}", 'a reference names its source; did you mean "${env:TOKEN}"?'),
        ("${TOKEN:-x}", 'a reference names its source; did you mean "${env:TOKEN:-...}"?'),
        ("${evn:TOKEN}", 'unknown source "evn" of a reference; did you mean "env"?'),
        ("${vault:a/b}", 'unknown source "vault" of a reference; known: env, file'),
        ("${env:}", "the name of the variable is missing: ${env:NAME}"),
        ("${file:}", "the path of the file is missing: ${file:PATH}"),
        ("${env:TOKEN", '"${" without "}" after it; write "$${" for the characters themselves'),
        ("${env:A:-${env:B}}", "a reference within a reference is not supported"),
        (
            "${{ github.sha }}",
            '"${" begins a reference such as ${env:NAME}; write "$${" for the characters themselves',
        ),
        ("${}", '"${" begins a reference such as ${env:NAME}; write "$${" for the characters themselves'),
        ("${file:no/such}", "the file no/such cannot be read: No such file or directory"),
        ("${file:a\0b}", "the file a\0b cannot be read: not a path"),
    ],
)
def test_p10_a_reference_to_nothing_says_what_to_do(text: str, complaint: str) -> None:
    node, complaints = expand(text)
    assert complaints == [complaint]
    assert node.broken


def test_p10_every_wrong_reference_of_a_text_is_reported() -> None:
    _, complaints = expand("${env:A1} ${env:TOKEN} ${B}")
    assert len(complaints) == 2


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"tok\n", "tok"), (b"tok", "tok"), (b"tok\r\n", "tok"), (b"a\nb\n\n", "a\nb\n"), (b"\xef\xbb\xbftok\n", "tok")],
)
def test_a_file_stands_for_its_text_without_the_last_line_end(content: bytes, value: str, tmp_path: Path) -> None:
    file = tmp_path / "token file"
    file.write_bytes(content)
    node, complaints = expand(f"${{file:{file}}}")
    assert (node.value, complaints) == (value, [])


def test_a_file_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("tok\n")
    monkeypatch.chdir(tmp_path)
    assert expand("${file:token}")[0].value == "tok"


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"\xff\xfe", "is not UTF-8 text"), (b"x" * 1_048_577, "is larger than 1048576 bytes")]
)
def test_p10_a_file_that_cannot_be_a_value_is_a_problem(content: bytes, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    assert expand(f"${{file:{file}}}")[1] == [f"the file {file} {complaint}"]


def test_references_are_found_in_maps_and_lists_and_variables_are_left_alone() -> None:
    tree = Node({"a": Node([Node("${env:PORT}", HERE)], HERE), "b": Node(Referenced("${env:PORT}"), HERE)}, HERE)
    assert resolve(tree, ENVIRON, Problems()).plain() == {"a": ["4318"], "b": "${env:PORT}"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bearer ${env:TOKEN}", "Bearer ${env:TOKEN}"),
        ("${env:TOKEN:-hunter2}", "${env:TOKEN:-***}"),
        ("${env:TOKEN:-}", "${env:TOKEN:-}"),
    ],
)
def test_p7_a_reference_is_shown_as_written_without_its_default(text: str, shown: str) -> None:
    assert expand(text)[0].printable() == shown
