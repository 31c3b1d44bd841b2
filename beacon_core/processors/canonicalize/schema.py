"""The normalized event as data: its names, their types, severities; what `normalized.toml` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from beacon_core.event import Attributes
from beacon_core.processors.canonicalize.patterns import fits
from beacon_core.processors.canonicalize.rules import SCHEMA
from beacon_core.processors.canonicalize.shipped import FOLDER, shipped
from beacon_core.processors.canonicalize.values import CONVERSIONS, ValueRule

#: What people edit.
SOURCE = FOLDER / "normalized.toml"

_ALWAYS = "Always there"  # the group of the attributes that every normalized event has

#: Severity words and their numbers (OpenTelemetry's logs data model).
SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21}


class Name(NamedTuple):
    """A canonical name: its type (empty if any), what it is, its only values (empty if any), its group's title."""

    type: str
    about: str
    values: tuple[str, ...]
    group: str


class Duplication(NamedTuple):
    """When two events tell the same.

    Attributes:
        actions: of the events that it is about.
        seconds: between two events where ids do not say it.
        seconds_of: the same, by action.
        masks: what stands in the place of a secret.
        kept_of_stdout: actions and source events that only stdout has.
    """

    actions: frozenset[str]
    seconds: float
    seconds_of: Mapping[str, float]
    masks: tuple[str, ...]
    kept_of_stdout: frozenset[str]

    def window(self, action: str) -> int:
        """Return the longest time between two events, in nanoseconds."""
        return int(self.seconds_of.get(action, self.seconds) * 1e9)


class Schema:
    """What `normalized.toml` says.

    Attributes:
        version: of the schema.
        kind: `beacon.event.kind` of an agent's events.
        actions: signal -> action of events without a rule of their own.
        action_names: every action that shipped tables know -> what it says.
        sources: signal -> `beacon.source`.
        renames: names that all agents' events may have -> canonical names.
        names: the canonical names.
        duplicates: when two events tell the same.
    """

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.version: str = plain["version"]
        self.kind: str = plain["kind"]
        self.actions: Mapping[str, str] = plain["actions"]
        self.action_names: Mapping[str, str] = plain["action_names"]
        self.sources: Mapping[str, str] = plain["sources"]
        self.renames: Mapping[str, str] = plain["renames"]
        self.duplicates = _duplication(plain["duplicates"])
        self._families = tuple(plain["families"])
        self._categories: Mapping[str, str] = plain["categories"]
        self._severity: Mapping[str, str] = plain["severity"]
        self._on_failure: Mapping[str, str] = plain["severity_on_failure"]
        self._types = [(kind, word.split("*")) for kind, words in plain["types"].items() for word in words]
        self._rules = {kind: ValueRule({}, kind) for kind in CONVERSIONS}
        self.names: dict[str, Name] = {
            name: Name(spec.get("type", ""), spec["about"], tuple(spec.get("values", ())), group["title"])
            for group in plain["groups"]
            for name, spec in group["names"].items()
        }
        self._required = tuple(name for name, spec in self.names.items() if spec.group == _ALWAYS)
        self._values = {name: ValueRule({}, spec.type, spec.values) for name, spec in self.names.items()}

    def is_normalized(self, attributes: Attributes) -> bool:
        """Return whether attributes are those of a normalized event, and do not only say so.

        Those of another version are taken at their word: a newer Beacon made them.
        """
        if not all(isinstance(attributes.get(name), str) and attributes[name] for name in self._required):
            return False
        if attributes[SCHEMA] != self.version:
            return True
        rules = self._values
        return all(rules[name].is_canonical(value) for name, value in attributes.items() if name in rules)

    def is_kept(self, name: str) -> bool:
        """Return whether a name is left as it is although it is not in `names`: it is of a known family."""
        return name.startswith(self._families)

    def family(self, name: str) -> str:
        """Return the family of a name, empty if it is of none."""
        return next((family for family in self._families if name.startswith(family)), "")

    def type_of(self, name: str) -> tuple[str, str]:
        """Return the type of an attribute that is not in `names`, and the pattern that says so; empty if none does."""
        found = ((kind, "*".join(literals)) for kind, literals in self._types if fits(name, literals))
        return next(found, ("", ""))

    def fit(self, kind: str) -> Callable[[Any], Any]:
        """Return what is done to the values of an attribute of a type that is not in `names`."""
        fit = self._rules[kind].fit
        # a text becomes an integer; a double of somebody else's attribute is not rounded
        return (lambda value: fit(value) if isinstance(value, str) else value) if kind == "int" else fit

    def category(self, action: str) -> str:
        """Return the category of an action."""
        first = action.partition(".")[0]
        return self._categories.get(first, first)

    def severity(self, action: str, outcome: object) -> str:
        """Return the severity of an event whose source has none."""
        word = self._severity.get(action)
        if word is None and outcome == "failure":
            word = self._on_failure.get(action)
        return word or "INFO"


def _duplication(plain: Mapping[str, Any]) -> Duplication:
    actions, kept = frozenset(plain["actions"]), frozenset(plain["kept_of_stdout"])
    return Duplication(actions, plain["seconds"], plain["seconds_of"], tuple(plain["masks"]), kept)


@cache
def load_schema() -> Schema:
    """Return the schema; read once."""
    return Schema(shipped().normalized)
