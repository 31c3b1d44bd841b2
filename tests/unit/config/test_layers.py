from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core.config import Node, Origin, Problems
from beacon_core.config.layers import merge, overlays
from beacon_core.config.syntax import parse_text


def node(data: Any, source: str = "a.yaml") -> Node:
    origin = Origin(source)
    if isinstance(data, dict):
        return Node({key: node(value, source) for key, value in data.items()}, origin, dict.fromkeys(data, origin))
    return Node([node(value, source) for value in data], origin) if isinstance(data, list) else Node(data, origin)


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [1, 2]}, {"a": []}, {"a": []}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"x": 1}}, {"a": None}, {"a": {"x": 1}}),
        ({"a": None}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": [1]}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({}, {}, {}),
    ],
)
def test_maps_merge_and_the_rest_is_replaced(base: Any, over: Any, result: Any) -> None:
    assert merge(node(base), node(over)).plain() == result


def test_what_is_merged_keeps_the_position_where_it_was_written() -> None:
    merged = merge(node({"a": {"x": 1, "y": 1}}, "a.yaml"), node({"a": {"y": 2, "z": 3}}, "b.yaml"))
    options = merged.child("a")
    assert options is not None
    assert merged.keys["a"].source == options.origin.source == "a.yaml"
    assert {key: origin.source for key, origin in options.keys.items()} == {"x": "a.yaml", "y": "b.yaml", "z": "b.yaml"}
    assert isinstance(options.value, dict)
    assert {key: child.origin.source for key, child in options.value.items()} == {
        "x": "a.yaml",
        "y": "b.yaml",
        "z": "b.yaml",
    }


LEAVES = st.integers() | st.lists(st.integers(), max_size=2)
#: Trees in which a key is always a map or never one: that is what options are, and where merging is associative.
TREES = st.fixed_dictionaries(
    {},
    optional={
        "a": LEAVES,
        "b": st.none() | LEAVES,
        "m": st.fixed_dictionaries({}, optional={"x": LEAVES, "n": st.dictionaries(st.sampled_from("pq"), LEAVES)}),
    },
)


@given(TREES, TREES, TREES)
def test_merging_is_associative_where_a_map_stays_a_map(first: Any, second: Any, third: Any) -> None:
    one, two, three = node(first, "1"), node(second, "2"), node(third, "3")
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(TREES)
def test_an_empty_map_changes_nothing_and_merging_twice_is_merging_once(tree: Any) -> None:
    assert merge(node(tree), node({})) == node(tree)
    assert merge(node({}), node(tree)) == node(tree)
    assert merge(node(tree), node(tree)) == node(tree)


def read(text: str) -> tuple[list[Any], list[str]]:
    problems = Problems()
    root = parse_text(text, "p.yaml", problems)
    assert root is not None
    found = list(overlays(root, {"PROVIDER": "gitlab"}, problems))
    return found, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("when", "facts", "matches"),
    [
        ("{cicd.provider: github_actions}", {"cicd.provider": "github_actions"}, True),
        ("{cicd.provider: github_actions}", {"cicd.provider": "gitlab"}, False),
        ("{cicd.provider: github_actions}", {}, False),
        ("{cicd.provider: [gitlab, jenkins]}", {"cicd.provider": "jenkins"}, True),
        ("{cicd.provider: [gitlab, jenkins]}", {"cicd.provider": "circleci"}, False),
        ("{a: x, b: y}", {"a": "x", "b": "y", "c": "z"}, True),
        ("{a: x, b: y}", {"a": "x"}, False),
        ("{runs: 5, forked: True}", {"runs": "5", "forked": "true"}, True),
        ('{a: "${env:PROVIDER}"}', {"a": "gitlab"}, True),
    ],
)
def test_an_overlay_holds_where_all_its_facts_are_so(when: str, facts: dict[str, str], matches: bool) -> None:
    (overlay,), complaints = read(f"overlays:\n  - when: {when}\n    service: {{}}\n")
    assert not complaints
    assert overlay.matches(facts) is matches
    assert overlay.options.plain() == {"service": {}}


@pytest.mark.parametrize("text", ["exporters: {}", "overlays:", "overlays: []"])
def test_without_overlays_there_are_none(text: str) -> None:
    assert read(text) == ([], [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("overlays: {when: {a: b}}", "p.yaml:1:11 overlays expected a list of maps, each with a `when`"),
        ("overlays: [5]", "p.yaml:1:12 overlays[0] expected a map with `when` and the sections to lay over"),
        (
            "overlays:\n  - exporters: {}",
            "p.yaml:2:5 overlays[0] missing `when`: the facts for which the overlay holds",
        ),
        ("overlays: [{when: }]", "p.yaml:1:13 overlays[0].when expected a map of facts"),
        ("overlays: [{when: {}}]", "p.yaml:1:19 overlays[0].when expected a map of facts"),
        ("overlays: [{when: gitlab}]", "p.yaml:1:19 overlays[0].when expected a map of facts"),
        ("overlays: [{when: {a.b: }}]", 'p.yaml:1:20 overlays[0].when."a.b" expected text or a list of texts'),
        ("overlays: [{when: {a: {b: c}}}]", "p.yaml:1:23 overlays[0].when.a expected text or a list of texts"),
        ("overlays: [{when: {a: []}}]", "p.yaml:1:23 overlays[0].when.a expected text or a list of texts"),
        ('overlays: [{when: {a: "${env:NOPE}"}}]', "p.yaml:1:23 overlays[0].when.a the variable NOPE is not set"),
    ],
)
def test_p10_a_malformed_overlay_is_a_problem(text: str, complaint: str) -> None:
    _, (found,) = read(text)
    assert found.startswith(complaint)


def test_p10_an_unknown_key_of_an_overlay_is_a_problem() -> None:
    _, complaints = read("overlays:\n  - when: {a: b}\n    exportrs: {}\n    overlays: []\n")
    misspelled, nested = complaints
    assert misspelled == 'p.yaml:3:5 overlays[0].exportrs unknown key of an overlay; did you mean "exporters"?'
    assert nested.startswith("p.yaml:4:5 overlays[0].overlays unknown key of an overlay; known: exporters, ")
