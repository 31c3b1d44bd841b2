"""What happens to one value: its type, its canonical form, or that it does not fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from beacon_core.event import AttributeValue

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_SAFE_DIGITS = 19  # fewer digits fit into 64 bits
_INT64 = range(-(1 << 63), 1 << 63)


class _Nothing:
    """A value that is none."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


#: What `ValueRule.fit` returns for a value that stands for nothing, such as `<REDACTED>`.
ABSENT: Final = _Nothing("ABSENT")
#: What `ValueRule.fit` returns for a value that an attribute cannot have.
MISFIT: Final = _Nothing("MISFIT")


def to_int(value: AttributeValue) -> AttributeValue:
    """Return a decimal integer's text, or a double (rounded), as a 64-bit integer; anything else as it is."""
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            return value
        number = int(value)
    elif isinstance(value, float) and math.isfinite(value):
        number = round(value)
    else:
        return value
    return number if number in _INT64 else value


def to_float(value: AttributeValue) -> AttributeValue:
    """Return a number or a number's text as a double; anything else as it is."""
    if type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        try:
            number = float(value)
        except OverflowError:  # an integer of more than 308 digits
            return value
        return number if math.isfinite(number) else value
    return value


def to_bool(value: AttributeValue) -> AttributeValue:
    """Return the texts `true` and `false` as booleans; anything else as it is."""
    return value == "true" if isinstance(value, str) and value in {"true", "false"} else value


def to_string(value: AttributeValue) -> AttributeValue:
    """Return a boolean or a number as text; anything else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


CONVERSIONS: dict[str, Callable[[AttributeValue], AttributeValue]] = {
    "int": to_int,
    "float": to_float,
    "bool": to_bool,
    "string": to_string,
}
_TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "string": str}


class ValueRule:
    """Canonical value and type of one attribute. Applying it twice is applying it once.

    Args:
        names: alias -> canonical value; both are texts, a boolean is compared as `true` or `false`. The canonical value
            "" means that there is no value.
        kind: a key of `CONVERSIONS`, or empty.
        allowed: the only values that there are, for `fit`; any if empty.
    """

    __slots__ = ("_allowed", "_convert", "_counts", "_expected", "_first", "_names", "_short", "finished")

    def __init__(self, names: Mapping[str, str], kind: str, allowed: Collection[str] = ()) -> None:
        #: The type of values that are canonical whatever they are; None if there is none.
        self.finished = None if names and kind in {"bool", "string", ""} else _TYPES.get(kind)
        if allowed or kind == "float":  # infinity and not-a-number are doubles, too, and no JSON has them
            self.finished = None
        self._names = names
        self._allowed = frozenset(allowed)
        self._expected = _TYPES.get(kind)
        self._convert = CONVERSIONS.get(kind)
        self._first = kind == "string"  # else a text made of a number would be looked up the next time only
        self._counts = kind == "int"  # most values of these are the digits of a number
        self._short: dict[object, AttributeValue | _Nothing] = {}  # texts that are expected -> what becomes of them
        self._short = {word: self.fit(word) for word in (*names, *allowed)}

    def apply(self, value: AttributeValue) -> AttributeValue:
        """Return the canonical value, the same object if it is that already."""
        if self._first:
            value = to_string(value)
        if isinstance(value, str):
            value = self._names.get(value, value)
        elif isinstance(value, bool):
            value = self._names.get("true" if value else "false", value)
        return self._convert(value) if self._convert else value

    def fit(self, value: AttributeValue) -> AttributeValue | _Nothing:
        """Return the canonical value, `ABSENT` if it stands for nothing, `MISFIT` if the attribute cannot have it."""
        if type(value) is str:
            if value in self._short:
                return self._short[value]
            if self._counts and value.isdecimal() and value.isascii() and value[0] != "0" and len(value) < _SAFE_DIGITS:
                return int(value)
        new = self.apply(value)
        if type(new) is int and self._expected is int:
            return new if new in _INT64 else MISFIT
        if new == "" and value != "":
            return ABSENT
        if self._expected is not None and type(new) is not self._expected:
            return MISFIT
        return new if self._is_allowed(new) else MISFIT

    def is_canonical(self, value: AttributeValue) -> bool:
        """Return whether the attribute can have the value as it is."""
        return type(value) is self.finished or value == self.fit(value)

    def _is_allowed(self, value: AttributeValue) -> bool:
        if type(value) is float:
            return math.isfinite(value)
        return not self._allowed or (isinstance(value, str) and value in self._allowed)
