from __future__ import annotations

from typing import Any

import pytest

from beacon_core.config import Node, Origin, Problems, Referenced
from beacon_core.config.overrides import apply_sets, apply_variables
from beacon_core.config.syntax import parse_text

FILE = """
exporters:
  file/archive: {path: a, batch: {max_events: 1}}
  file.other: {}
  x/1: {}
  x-1: {}
  y:
    tags: [a]
    attributes: {service.name: a, service: {name: b}}
"""


def base() -> Node:
    root = parse_text(FILE, "p.yaml", Problems())
    assert root is not None
    return root


def with_variables(**environ: str) -> tuple[Node, list[str]]:
    problems = Problems()
    root = apply_variables(base(), environ, problems)
    return root, [str(problem) for problem in problems]


def with_sets(*sets: str) -> tuple[Node, list[str]]:
    problems = Problems()
    root = apply_sets(base(), sets, problems)
    return root, [str(problem) for problem in problems]


def at(root: Node, *path: str | int) -> Node:
    for key in path:
        child = root.child(key)
        assert child is not None, key
        root = child
    return root


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", "b", ("exporters", "file/archive", "path"), "b"),
        ("BEACON__EXPORTERS__FILE_OTHER__PATH", "b", ("exporters", "file.other", "path"), "b"),
        ("beacon__exporters__File_Archive__path", "b", ("exporters", "file/archive", "path"), "b"),
        (
            "BEACON__EXPORTERS__FILE_ARCHIVE__BATCH__MAX_EVENTS",
            "5",
            ("exporters", "file/archive", "batch", "max_events"),
            "5",
        ),
        ("BEACON__EXPORTERS__NEW__PATH", "b", ("exporters", "new", "path"), "b"),
        ("BEACON__SERVICE__QUEUE__TYPE", "memory", ("service", "queue", "type"), "memory"),
        ("BEACON__EXPORTERS__Y__TAGS", '["b", 3.10]', ("exporters", "y", "tags"), ["b", "3.10"]),
        ("BEACON__EXPORTERS__Y", '{"a": {"b": true, "c": null}}', ("exporters", "y", "a"), {"b": True, "c": None}),
        ("BEACON__EXPORTERS", '{"Z/1": {"b": 1}}', ("exporters", "Z/1"), {"b": "1"}),
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", "012", ("exporters", "file/archive", "path"), "012"),
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", "true", ("exporters", "file/archive", "path"), "true"),
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", '"q"', ("exporters", "file/archive", "path"), '"q"'),
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", "{not json", ("exporters", "file/archive", "path"), "{not json"),
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", "", ("exporters", "file/archive", "path"), ""),
        ("BEACON__EXPORTERS__FILE_ARCHIVE__PATH", "${env:X}", ("exporters", "file/archive", "path"), "${env:X}"),
    ],
)
def test_a_variable_sets_an_option(name: str, value: str, path: tuple[str, ...], expected: Any) -> None:
    root, complaints = with_variables(**{name: value, "OTHER": "x"})
    assert not complaints
    found = at(root, *path)
    assert found.plain() == expected
    assert {node.origin for node in found.walk()} == {Origin(name)}
    assert all(isinstance(node.value, Referenced) for node in found.walk() if isinstance(node.value, str))


def test_a_variable_leaves_the_rest_as_it_was() -> None:
    root, _ = with_variables(BEACON__EXPORTERS__FILE_ARCHIVE__PATH="b")
    assert at(root, "exporters", "file/archive").plain() == {"path": "b", "batch": {"max_events": 1}}


def test_the_variable_of_a_part_wins_over_that_of_the_whole() -> None:
    root, _ = with_variables(
        BEACON__SERVICE__QUEUE__PATH="part", BEACON__SERVICE__QUEUE='{"path": "whole", "type": "sqlite"}'
    )
    assert at(root, "service", "queue").plain() == {"path": "part", "type": "sqlite"}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("BEACON__EXPORTRS__X", "b", 'unknown section "exportrs"; did you mean "exporters"?'),
        (
            "BEACON__OVERLAYS",
            "[]",
            'unknown section "overlays"; known: exporters, processors, receivers, service',
        ),
        ("BEACON__EXPORTERS____X", "b", "a part of the name is empty; parts are joined with __"),
        ("BEACON__EXPORTERS__X_1__A", "b", "x_1 can mean x-1 and x/1; use --set"),
        ("BEACON__EXPORTERS__Y__TAGS__0", "b", "exporters.y.tags is a list; give the whole list"),
        ("BEACON__EXPORTERS__Y", '{"a": 1, "a": "hunter2"}', "the JSON has a duplicate key"),
    ],
)
def test_p10_a_variable_that_names_no_place_is_a_problem(name: str, value: str, complaint: str) -> None:
    root, complaints = with_variables(**{name: value})
    assert complaints == [f"{name} {complaint}"]
    assert root == base()


def test_p7_a_variable_is_shown_by_its_name() -> None:
    root, _ = with_variables(BEACON__EXPORTERS__Y__TOKEN="hunter2", BEACON__EXPORTERS__Z='{"k": "hunter2"}')
    assert "hunter2" not in repr(root)
    assert "hunter2" not in str(root.printable())
    assert at(root, "exporters", "y").printable()["token"] == "${env:BEACON__EXPORTERS__Y__TOKEN}"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("exporters.file/archive.path=b", ("exporters", "file/archive", "path"), "b"),
        ("exporters.file.other.path=b", ("exporters", "file.other", "path"), "b"),
        ('exporters."file/new.one".path=b', ("exporters", "file/new.one", "path"), "b"),
        ('exporters."a=b".path=b', ("exporters", "a=b", "path"), "b"),
        (r'exporters."a\"b".path=b', ("exporters", 'a"b', "path"), "b"),
        ("exporters.y.attributes.service.name=b", ("exporters", "y", "attributes", "service.name"), "b"),
        ('exporters.y.attributes."service".name=c', ("exporters", "y", "attributes", "service", "name"), "c"),
        ("exporters.new.path=b", ("exporters", "new", "path"), "b"),
        ("exporters.y.url=http://h/?a=b&c=d", ("exporters", "y", "url"), "http://h/?a=b&c=d"),
        ("exporters.y.n=5", ("exporters", "y", "n"), 5),
        ("exporters.y.v=3.10", ("exporters", "y", "v"), "3.10"),
        ("exporters.y.v=no", ("exporters", "y", "v"), "no"),
        ("exporters.y.v=true", ("exporters", "y", "v"), True),
        ("exporters.y.v='5'", ("exporters", "y", "v"), "5"),
        ("exporters.y.v=", ("exporters", "y", "v"), None),
        ('exporters.y.v=""', ("exporters", "y", "v"), ""),
        ("exporters.y.tags=[b, 3.10]", ("exporters", "y", "tags"), ["b", "3.10"]),
        ("exporters.y.m={a: {b: 1}}", ("exporters", "y", "m"), {"a": {"b": 1}}),
        ("exporters.y.token=${env:T}", ("exporters", "y", "token"), "${env:T}"),
    ],
)
def test_set_sets_an_option(text: str, path: tuple[str, ...], expected: Any) -> None:
    root, complaints = with_sets(text)
    assert not complaints
    found = at(root, *path)
    assert found.plain() == expected
    assert text.startswith(str(found.origin).removeprefix("--set ") + "=")
    assert not any(isinstance(node.value, Referenced) for node in found.walk())


def test_the_last_set_wins() -> None:
    root, _ = with_sets("exporters.y.n=1", "exporters.y.n=2")
    assert at(root, "exporters", "y", "n").plain() == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("exporters.y.n", "--set exporters.y.n expected path=value, such as exporters.splunk_hec.index=agents"),
        ("exporters.y.token:hunter2", "--set exporters.y.token expected path=value"),
        ("exporters..y=1", "--set exporters..y expected path=value"),
        ("=hunter2", "--set expected path=value"),
        ("", "--set expected path=value"),
        ('exporters."y.n=1', '--set exporters."y.n expected path=value'),
        ('exporters.a"y".n=1', '--set exporters.a"y".n expected path=value'),
        ("exporter.y.n=hunter2", '--set exporter.y.n unknown section; did you mean "exporters"?'),
        ("overlays=[]", "--set overlays unknown section; known: exporters, processors, receivers, service"),
        ("exporters.y.tags.0=b", "--set exporters.y.tags.0 exporters.y.tags is a list; give the whole list"),
        ("exporters.y.n=[hunter2", "--set exporters.y.n the [ of line 1 is not closed"),
        ("exporters.y.n=@hunter2", '--set exporters.y.n "@" needs quotes around it'),
        ("exporters.y.n={a: ${env:T}}", "--set exporters.y.n within {...} or [...] a reference needs q"),
        ("exporters.y.n={a: 1, a: 2}", "--set exporters.y.n exporters.y.n.a duplicate key"),
    ],
)
def test_p10_a_set_that_says_nothing_is_a_problem_that_shows_no_value(text: str, complaint: str) -> None:
    _, (found,) = with_sets(text)
    assert found.startswith(complaint)
    assert "hunter2" not in found
