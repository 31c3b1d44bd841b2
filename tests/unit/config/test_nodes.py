from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core.config import Node, Origin, Referenced
from beacon_core.config.nodes import scalar

HERE = Origin("a.yaml", 1, 1)


@pytest.mark.parametrize("text", ["null", "Null", "NULL", "~", ""])
def test_null_has_five_spellings(text: str) -> None:
    assert scalar(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("TRUE", True), ("false", False), ("FALSE", False)]
)
def test_only_true_and_false_are_switches(text: str, value: bool) -> None:
    assert scalar(text) is value


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-5", -5), ("4318", 4318), ("1.5", 1.5), ("-0.25", -0.25)])
def test_a_number_is_a_number(text: str, value: float) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "No", "y", "n", "tRUE", "nil"),
        *("3.10", "012", "0x1F", "0o17", "0b1", "1_000", "1e3", "1E3", "+5", "-0", ".5", "5.", "1.50", "1e+16"),
        *("12:30:00", "2024-01-01", "2024-01-01T00:00:00Z", "inf", ".inf", "nan", ".NaN", "-", "--1", "٣"),
        *("9" * 5000, "1." + "3" * 60, "<<", "=", "host:4318"),
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    assert scalar(text) == text
    assert isinstance(scalar(text), str)


@given(st.text(alphabet="0123456789.+-_eE:xo", max_size=12) | st.text(max_size=12))
def test_a_number_written_back_is_the_same_text(text: str) -> None:
    value = scalar(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert str(value) == text
    elif isinstance(value, str):
        assert value == text


@given(st.integers(min_value=-(10**38), max_value=10**38))
def test_every_integer_survives(number: int) -> None:
    assert scalar(str(number)) == number


def test_p7_no_repr_of_a_node_shows_a_value() -> None:
    secret = Node(Referenced("hunter2"), HERE, written="${env:T}")
    tree = Node({"token": secret, "list": Node([secret, Node("written-out", HERE)], HERE)}, HERE)
    assert "hunter2" not in repr(tree)
    assert "written-out" not in repr(tree)
    assert repr(secret) == "Node(<Referenced>)"


def test_p7_a_printable_tree_shows_references_instead_of_what_they_stand_for() -> None:
    secret = Node(Referenced("hunter2"), HERE, written="${env:T}")
    tree = Node({"token": secret, "sizes": Node([Node(1, HERE)], HERE)}, HERE)
    assert tree.printable() == {"token": "${env:T}", "sizes": [1]}
    assert tree.plain() == {"token": "hunter2", "sizes": [1]}


def test_children_are_found_by_key_and_index() -> None:
    tree = Node({"a": Node([Node(1, HERE)], HERE)}, HERE, {"a": HERE})
    child = tree.child("a")
    assert child is not None
    assert child.child(0) == Node(1, HERE)
    for missing in (tree.child("b"), tree.child(0), child.child(1), child.child(-1), child.child("0")):
        assert missing is None
    assert Node("text", HERE).child("t") is None
    assert [type(node.value) for node in tree.walk()] == [dict, list, int]
