"""Which table says what about a name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from beacon_core.processors.canonicalize.agents import AgentNames
from beacon_core.processors.canonicalize.expressions import compile_expression
from beacon_core.processors.canonicalize.patterns import fits
from beacon_core.processors.canonicalize.schema import SOURCE, load_schema
from beacon_core.processors.canonicalize.table_file import SIGNALS, Derivation, Entry, Rule, TableFile

_SINGULAR = {
    "agents": "agent",
    "events": "event",
    "attributes": "attribute",
    "values": "value",
    "types": "type",
}


class Finding(NamedTuple):
    """One thing that a table says.

    Attributes:
        position: the table, `file:line:column`.
        kind: agent, event, attribute, value, type, source, rule; of the schema also name and family.
        says: what it says, in words.
        agents: whose events it is about; empty for all events.
        replaced_by: where a later table says otherwise; empty if none does.
    """

    position: str
    kind: str
    says: str
    agents: tuple[str, ...] = ()
    replaced_by: str = ""


def explain(layers: Sequence[Sequence[TableFile]], name: str) -> list[Finding]:
    """Return what the tables say about a name: as an event, an attribute, a value, an agent.

    Args:
        layers: the files, of which those of a later layer win.
        name: a canonical name or another one, as people write it.
    """
    found = [*_known(name)]
    files = [file for layer in layers for file in layer]
    for number, file in enumerate(files):
        named = [*_named(file, name, files[number + 1 :])]
        for rule in file.rules:
            named += (Finding(rule.position, "rule", says, file.agents) for says in _ruled(rule, file, name))
        found += named or _unnamed(file, name)
        found += _sourced(file, name)
    return found


def _named(file: TableFile, name: str, later: Sequence[TableFile]) -> Iterator[Finding]:
    for entry in file.entries:
        says = _said(entry, file, name)
        if says:
            kind = _SINGULAR[entry.section]
            yield Finding(entry.position, kind, says, file.agents, _replaced(entry, file, later))


def _unnamed(file: TableFile, name: str) -> Iterator[Finding]:
    """Yield what becomes of an event whose name begins as those of a file's agents and stands in none of its lines."""
    if not file.prefix or not name.startswith(file.prefix):
        return
    for signal in SIGNALS:
        if signal in file.unnamed:
            says = f"{signal} {name}: left out as noise, since no line names it"
            yield Finding(file.unnamed[signal], "event", says, file.agents)
        else:
            action = load_schema().actions[signal]
            position = _place(f'{signal} = "{action}"')
            yield Finding(position, "event", f"{signal} {name} -> {action}, since no line names it", file.agents)


def _sourced(file: TableFile, name: str) -> Iterator[Finding]:
    for field in file.source:
        if field.target == name or name in _used(field):
            yield Finding(field.position, "source", f"{field.target} is {_json(field.written)}", file.agents)
    if name in file.unknown_with:
        says = f"an event with {name} is normalized, whatever its agent"
        yield Finding(file.unknown_with[name], "agent", says, file.agents)
    for each in file.refine:
        if name in {each.attribute, each.value, each.agent}:
            said = f"{each.attribute} {each.value} means the agent {each.agent}"
            yield Finding(each.position, "agent", said, file.agents)


def _known(name: str) -> Iterator[Finding]:
    """Yield what the schema of the normalized event says."""
    schema = load_schema()
    known = schema.names.get(name)
    if known is not None:
        kind = f" ({known.type})" if known.type else ""
        yield Finding(_place(f'"{name}" = '), "name", f"{name}{kind}: {known.about}")
        return
    for alias, canonical in schema.renames.items():
        if name in {alias, canonical}:
            yield Finding(_place(f'"{alias}" = '), "attribute", f"{alias} -> {canonical}, in events of agents")
    family = schema.family(name)
    if family:
        yield Finding(_place(f'"{family}"'), "family", f"{name} keeps its name, in events of agents")
    kind, pattern = schema.type_of(name)
    if kind:
        yield Finding(_place(f'"{pattern}"'), "type", f"{pattern} is of type {kind}, in events of agents")


def _place(text: str) -> str:
    """Return where a text stands first in the schema's file."""
    for number, line in enumerate(SOURCE.read_text("utf-8").splitlines(), 1):
        if text in line:
            return f"{SOURCE.name}:{number}:{line.index(text) + 1}"
    return SOURCE.name


def _said(entry: Entry, file: TableFile, name: str) -> str:
    """Return what a row says about a name, empty if nothing."""
    if entry.section == "types":
        return f"{name} is of type {entry.canonical}" if entry.subject == name else ""
    if entry.alias == entry.canonical:
        return ""
    where = f"{entry.subject}: " if entry.subject else ""
    said = f"{where}{entry.alias} -> {entry.canonical or '(no value)'}"
    if name in {entry.canonical, entry.subject} or _is_alias(entry, file, name):
        return said
    return ""


def _is_alias(entry: Entry, file: TableFile, name: str) -> bool:
    if entry.section == "agents":
        return bool(AgentNames({entry.canonical: [entry.alias]}).match(name))
    if entry.section == "events":
        return entry.alias.removeprefix(file.prefix) == name.removeprefix(file.prefix)
    return entry.alias == name


def _replaced(entry: Entry, file: TableFile, later: Sequence[TableFile]) -> str:
    for other in later:
        if other.agents and not set(other.agents) & set(file.agents):
            continue
        for each in other.entries:
            same = (each.section, each.subject, each.alias) == (entry.section, entry.subject, entry.alias)
            if same and each.canonical not in {each.alias, entry.canonical}:
                return each.position
    return ""


def _ruled(rule: Rule, file: TableFile, name: str) -> Iterator[str]:
    """Yield what a rule says about a name."""
    short = name.removeprefix(file.prefix)
    about = f"{'/'.join(rule.signals)} {', '.join(rule.events) or 'all'}{_condition(rule.written)}"
    if any(fits(word, event.removeprefix(file.prefix).split("*")) for event in rule.events for word in (name, short)):
        yield f"{about} -> {_effect(rule)}"
    elif name in {rule.action, *rule.takes}:
        yield f"{about} -> {rule.action or 'used up'}"
    elif _asks(rule.written, name):
        yield f"{about} -> {_effect(rule)}"
    for field in rule.fields:
        if name == field.target or name in _used(field):
            yield f"{about}: {field.target} = {_json(field.written)}"


def _asks(written: Mapping[str, Any], name: str) -> bool:
    """Return whether conditions ask for a name, as an attribute or as a value."""
    return any(_asked(key, value, name) for key, value in written.items())


def _asked(key: str, value: Any, name: str) -> bool:
    if key == "unless":
        return any(_asks(each, name) for each in _listed(value))
    attributes = value if isinstance(value, dict) else _listed(value)
    if any(name in {attribute, attribute.partition("/")[0]} for attribute in attributes):
        return True
    words = [str(word) for each in value.values() for word in _listed(each)] if key == "when" else []
    return any(fits(name, word.split("*")) for word in words)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _used(field: Derivation) -> set[str]:
    """Return the attributes that a field's value comes from, or the value itself."""
    if field.constant:
        return {str(field.written)}
    expression = compile_expression(field.written)
    return {*expression.names, *(attribute for attribute, _ in expression.members)}


def _effect(rule: Rule) -> str:
    if rule.noise is not None:
        return "left out as noise" if rule.noise else "kept"
    return rule.action or ", ".join(field.target for field in rule.fields) or rule.severity or "used up"


def _condition(written: Mapping[str, Any]) -> str:
    return f" if {_json(written)}" if written else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
