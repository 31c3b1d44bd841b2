"""Puts table files together: later layers over earlier ones, nothing ambiguous, one set of rules for each agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from beacon_core.errors import ConfigurationError
from beacon_core.processors.canonicalize.agents import AgentNames
from beacon_core.processors.canonicalize.reading import Entry, TableFile
from beacon_core.processors.canonicalize.rules import ACTION, AGENT, ORIGINAL, SOURCE_EVENT, Rules, ValueRule

#: Attributes that the processor writes. No table leads away from them, or a second pass would change something.
WRITTEN = frozenset({AGENT, ACTION, SOURCE_EVENT})

_Key = tuple[str, str, str]  # section, subject, alias


class Tables:
    """All tables, ready for use. Any thread.

    Args:
        agents: how agents are recognized.
        prefixes: what event, metric and span names begin with -> the agent that names them so.
        rules: the rules for the events of each agent; of no agent under the empty name.
    """

    def __init__(self, agents: AgentNames, prefixes: Mapping[str, str], rules: Mapping[str, Rules]) -> None:
        self.agents = agents
        self._prefixes = prefixes
        self._rules = rules

    def rules(self, agent: str) -> Rules:
        """Return the rules for the events of an agent; `agent` may be any name."""
        return self._rules.get(agent) or self._rules[""]

    def agent_of(self, name: str) -> str:
        """Return the agent whose prefix is a name's first word and its dot, empty if there is none."""
        head, dot, _ = name.partition(".")
        return self._prefixes.get(head + dot, "") if dot else ""


def compile_tables(layers: Sequence[Sequence[TableFile]], *, keep_original: bool = False) -> Tables:
    """Return the tables of `layers`, of which a later one replaces what an earlier one says about an alias.

    Raises:
        ConfigurationError: a line for each ambiguity, with both positions.
    """
    files = [file for layer in layers for file in layer]
    names = dict.fromkeys(name for file in files for name in file.agents)
    rules: dict[str, Rules] = {}
    problems: dict[str, None] = {}  # in order, each once: what all agents share is looked at for each of them
    for agent in ("", *names):
        scope = _Scope(agent, layers)
        problems |= dict.fromkeys(scope.problems())
        rules[agent] = scope.rules(keep_original=keep_original)
    if problems:
        raise ConfigurationError("\n".join(problems))
    prefixes = {file.prefix: file.agents[0] for file in reversed(files) if file.prefix and file.agents}
    return Tables(AgentNames(_patterns(layers)), prefixes, rules)


def _patterns(layers: Sequence[Sequence[TableFile]]) -> dict[str, list[str]]:
    """Return the agents' patterns: the last layer's are tried first."""
    patterns: dict[str, list[str]] = {}
    for layer in reversed(layers):
        for entry in (entry for file in layer for entry in file.entries if entry.section == "agents"):
            words = patterns.setdefault(entry.canonical, [])
            if entry.alias != entry.canonical:
                words.append(entry.alias)
    return patterns


class _Scope:
    """What applies to the events of one agent: the files about it and those about all events."""

    def __init__(self, agent: str, layers: Sequence[Sequence[TableFile]]) -> None:
        used = [[file for file in layer if not file.agents or agent in file.agents] for layer in layers]
        self._prefix = next((file.prefix for layer in reversed(used) for file in layer if file.prefix), "")
        self._targets: dict[_Key, Entry] = {}
        self._canonical: dict[_Key, Entry] = {}
        self._ambiguous: list[tuple[Entry, Entry]] = []
        for layer in used:
            self._add(entry for file in layer for entry in file.entries if entry.section != "agents")

    def _add(self, entries: Iterable[Entry]) -> None:
        layer: dict[_Key, Entry] = {}
        for entry in entries:
            if entry.alias == entry.canonical:
                self._canonical.setdefault(self._key(entry), entry)
                continue
            first = layer.setdefault(self._key(entry), entry)
            if first.canonical != entry.canonical:
                self._ambiguous.append((first, entry))
        self._targets |= layer

    def _key(self, entry: Entry) -> _Key:
        alias = entry.alias.removeprefix(self._prefix) if entry.section == "events" else entry.alias
        return entry.section, entry.subject, alias

    def problems(self) -> Iterator[str]:
        """Yield what is ambiguous."""
        for first, second in self._ambiguous:
            yield _both(second, f'{_what(second)} means "{second.canonical}" here and "{first.canonical}"', first)
        for key, entry in self._targets.items():
            yield from self._chains(key, entry)
            yield from self._misplaced(entry)

    def _chains(self, key: _Key, entry: Entry) -> Iterator[str]:
        declared = self._canonical.get(key)
        if declared is not None and entry.section != "types":
            yield _both(
                entry, f'{_what(entry)} means "{entry.canonical}" here and is a canonical name itself', declared
            )
        if entry.section == "attributes" and (entry.alias in WRITTEN or entry.alias.startswith(ORIGINAL)):
            yield f"{entry.position} {_what(entry)} is written by this processor and cannot have another name"
        if entry.section == "attributes" and entry.canonical == AGENT:
            yield f'{entry.position} "{AGENT}" has its values from the section agents, not from an attribute'

    def _misplaced(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with the attribute that a value or a type is about."""
        alias = self._targets.get(("attributes", "", entry.subject))
        if entry.subject and alias is not None:
            yield _both(entry, f'write "{alias.canonical}" here, of which "{entry.subject}" is an alias', alias)
        if entry.subject in WRITTEN:
            section = "agents" if entry.subject == AGENT else "events"
            yield f'{entry.position} "{entry.subject}" has its values from the section {section}'

    def rules(self, *, keep_original: bool) -> Rules:
        """Return the rules, which make sense if there are no problems."""
        sections: dict[str, dict[str, dict[str, str]]] = {"events": {}, "attributes": {}, "values": {}, "types": {}}
        for (section, subject, alias), entry in self._targets.items():
            sections[section].setdefault(subject, {})[alias] = entry.canonical
        values, types = sections["values"], sections["types"]
        return Rules(
            prefix=self._prefix,
            events=sections["events"].get(""),
            renames=sections["attributes"].get(""),
            values={
                name: ValueRule(values.get(name, {}), types.get(name, {}).get("", "")) for name in {**values, **types}
            },
            keep_original=keep_original,
        )


def _what(entry: Entry) -> str:
    if entry.section == "types":
        return f'the type of "{entry.subject}"'
    return f'"{entry.alias}" of {entry.section}{"." if entry.subject else ""}{entry.subject}'


def _both(here: Entry, message: str, there: Entry) -> str:
    return f"{here.position} {message}: {there.position}"
