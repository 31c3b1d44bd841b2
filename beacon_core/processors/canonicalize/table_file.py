"""What a table file says, as plain data: rows of names and rules, each with its place.

`reading` makes it of YAML; the shipped files are kept beside it as JSON, see `shipped`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

SECTIONS = ("agents", "events", "attributes", "values", "types")
RULE_SECTIONS = ("rules", "source", "refine", "unnamed")
SIGNALS = ("log", "metric", "span")


class Entry(NamedTuple):
    """One row of a table: `alias` means `canonical`.

    Attributes:
        section: one of SECTIONS.
        subject: the attribute that a value belongs to, the attribute that has a type; else empty.
        canonical: the canonical name, or the type.
        alias: the other name; the canonical name itself where it is only declared; empty for types.
        position: where it stands, `file:line:column` or the option.
    """

    section: str
    subject: str
    canonical: str
    alias: str
    position: str


class Derivation(NamedTuple):
    """A field that a rule makes.

    Attributes:
        target: the attribute's canonical name.
        position: where it stands.
        written: the expression as it was written, or the value itself.
        constant: whether it is the value itself.
    """

    target: str
    position: str
    written: Any
    constant: bool = False


class Rule(NamedTuple):
    """One rule of a table file.

    Attributes:
        position: where it stands, `file:line:column`.
        signals: what it is about.
        events: names or patterns; empty for all.
        written: its conditions as they were written; empty for always.
        noise: whether the events are left out; False takes back what an earlier rule says, None says nothing.
        action: the action that they get, empty if none.
        severity: their severity, empty if none.
        fields: the attributes that they get.
        takes: attributes that do not go to `beacon.raw`.
    """

    position: str
    signals: tuple[str, ...] = ("log",)
    events: tuple[str, ...] = ()
    written: Mapping[str, Any] = {}
    noise: bool | None = None
    action: str = ""
    severity: str = ""
    fields: tuple[Derivation, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def only_takes(self) -> bool:
        """Whether the rule does nothing but to use up attributes, of all events."""
        return self == Rule(self.position, signals=self.signals, takes=self.takes) and set(self.signals) == {*SIGNALS}


class Refinement(NamedTuple):
    """A value of an attribute that tells an agent more exactly.

    Attributes:
        attribute: the attribute.
        value: its value.
        agent: the agent that it tells.
        position: where it stands.
    """

    attribute: str
    value: str
    agent: str
    position: str


class TableFile(NamedTuple):
    """What one file, or the options themselves, say.

    Attributes:
        agents: whose events it is about; empty for all events.
        prefix: what the names of these events begin with.
        entries: the rows of its tables.
        rules: its rules.
        source: what all events of one source have.
        refine: attributes that tell agents from each other.
        unnamed: signal -> where it says that its events are noise where nothing names them.
        unknown_with: attribute by which events of unknown agents are recognized -> where it says so.
    """

    agents: tuple[str, ...] = ()
    prefix: str = ""
    entries: tuple[Entry, ...] = ()
    rules: tuple[Rule, ...] = ()
    source: tuple[Derivation, ...] = ()
    refine: tuple[Refinement, ...] = ()
    unnamed: Mapping[str, str] = {}
    unknown_with: Mapping[str, str] = {}
