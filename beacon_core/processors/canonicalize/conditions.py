"""When a rule applies: the small language of conditions in the section `rules` of a table file.

    when: {gen_ai.tool.name: [Bash, "mcp__*"]}    the value is one of these words or fits one of these patterns
    has: [error.message]                          there is a value, and not an empty text
    lacks: [input_token_count]                    there is none
    at_least: {http.response.status_code: 400}
    unless: {when: ...}                           none of the above in a map, or in any map of a list

All that a rule says has to hold. What stands before a colon is an expression's name, see `expressions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from beacon_core.processors.canonicalize.expressions import Read, compile_expression
from beacon_core.processors.canonicalize.patterns import fits
from beacon_core.processors.canonicalize.record import Record
from beacon_core.processors.canonicalize.values import to_int, to_string

Condition: TypeAlias = Callable[[Record], bool]

KEYS = ("when", "has", "lacks", "at_least", "unless")


def compile_condition(plain: Mapping[str, Any]) -> Condition | None:
    """Return the condition that the keys of `KEYS` make together, None if there is none.

    Raises:
        ValueError: with what is wrong with it.
    """
    tests: list[Condition] = []
    for key, value in plain.items():
        if key not in KEYS:
            raise ValueError(f'"{key}" is no condition; there are {", ".join(KEYS)}')
        tests += _tests(key, value)
    if len(tests) < 2:  # noqa: PLR2004 - one test needs no loop around it
        return tests[0] if tests else None
    together = tuple(tests)

    def holds(record: Record) -> bool:
        for test in together:  # noqa: SIM110 - a generator costs more than the tests
            if not test(record):
                return False
        return True

    return holds


def value_tests(plain: Mapping[str, Any]) -> dict[str, Callable[[str], bool]]:
    """Return what `when` says about the texts of each attribute; for rules whose condition has been compiled."""
    when = plain.get("when", {})
    return {name: _words(expected) for name, expected in when.items()}


def _tests(key: str, value: Any) -> Iterable[Condition]:
    if key in {"has", "lacks"}:
        for name in value if isinstance(value, list) else [value]:
            read = compile_expression(name).read
            yield _has(read) if key == "has" else _lacks(read)
    elif key == "unless":
        yield _unless([compile_condition(_map(item, key)) for item in (value if isinstance(value, list) else [value])])
    else:
        for name, expected in _map(value, key).items():
            read = compile_expression(name).read
            yield _at_least(read, expected) if key == "at_least" else _when(read, expected)


def _map(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{key} takes a map")  # noqa: TRY004 - of a table file, not of the code
    return value


def _has(read: Read) -> Condition:
    return lambda record: read(record) not in (None, "", [])


def _lacks(read: Read) -> Condition:
    return lambda record: read(record) in (None, "", [])


def _unless(conditions: Sequence[Condition | None]) -> Condition:
    present = [condition for condition in conditions if condition is not None]
    if len(present) == 1:
        (only,) = present
        return lambda record: not only(record)
    return lambda record: not any(condition(record) for condition in present)


def _at_least(read: Read, expected: Any) -> Condition:
    if isinstance(expected, bool) or not isinstance(expected, int):
        raise ValueError("at_least takes whole numbers")  # noqa: TRY004 - of a table file, not of the code

    def test(record: Record) -> bool:
        number = to_int(read(record))
        return type(number) is int and number >= expected

    return test


def _when(read: Read, expected: Any) -> Condition:
    fitting = _words(expected)

    def test(record: Record) -> bool:
        value = read(record)
        if type(value) is not str:
            value = to_string(value)
            if not isinstance(value, str):
                return False
        return fitting(value)

    return test


def _words(expected: Any) -> Callable[[str], bool]:
    listed = [to_string(word) for word in (expected if isinstance(expected, list) else [expected])]
    if not listed or not all(isinstance(word, str) for word in listed):
        raise ValueError("when takes a word or a list of words for each name")
    words = frozenset(str(word) for word in listed if "*" not in str(word))
    patterns = [str(word).split("*") for word in listed if "*" in str(word)]
    if not patterns:
        return words.__contains__
    if len(patterns) == 1 and not words:
        (only,) = patterns
        return lambda value: fits(value, only)
    return lambda value: value in words or any(fits(value, pattern) for pattern in patterns)
