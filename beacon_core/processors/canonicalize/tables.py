"""Puts table files together: later layers over earlier ones, nothing ambiguous, one set of rules for each agent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from beacon_core.errors import ConfigurationError
from beacon_core.event import Attributes
from beacon_core.processors.canonicalize.agents import AgentNames
from beacon_core.processors.canonicalize.plan import CATEGORY, RAW, Field, Fields
from beacon_core.processors.canonicalize.plans import AgentPlans
from beacon_core.processors.canonicalize.rules import ACTION, AGENT, ORIGINAL, SCHEMA, SOURCE_EVENT, Rules
from beacon_core.processors.canonicalize.schema import load_schema
from beacon_core.processors.canonicalize.settings import Settings
from beacon_core.processors.canonicalize.table_file import Derivation, Entry, Rule, TableFile
from beacon_core.processors.canonicalize.values import ABSENT, ValueRule

#: Attributes that the processor writes. No table leads away from them, or a second pass would change something.
WRITTEN: Final = frozenset({AGENT, ACTION, SOURCE_EVENT, SCHEMA, CATEGORY, RAW})

#: Stands for agents that nobody knows; no agent has this name.
UNKNOWN: Final = "*"

_Key = tuple[str, str, str]  # section, subject, alias
_Layers = Sequence[Sequence[TableFile]]


class Tables:
    """All tables, ready for use. Any thread.

    Args:
        layers: the files, of which those of a later layer win.
        settings: what the processor's options say.

    Raises:
        ConfigurationError: a line for each ambiguity, with both positions.
    """

    def __init__(self, layers: _Layers, settings: Settings | None = None) -> None:
        files = [file for layer in layers for file in layer]
        self.agents = AgentNames(_patterns(layers))
        self.unknown_with = tuple(sorted({name for file in files for name in file.unknown_with}))
        self._prefixes = {file.prefix: file.agents[0] for file in reversed(files) if file.prefix and file.agents}
        self._settings = settings or Settings()
        self._plans: dict[str, AgentPlans] = {}  # made when an agent's first event comes
        # in order, each once: what all agents share is looked at for each of them
        problems = dict.fromkeys(_ambiguous_agents(layers, {*self.agents.names}))
        named = dict.fromkeys([*self.agents.names, *(name for file in files for name in file.agents)])
        self._scopes = {agent: _Scope(agent, layers) for agent in ("", UNKNOWN, *named)}
        for scope in self._scopes.values():
            problems |= dict.fromkeys(scope.problems())
        if problems:
            raise ConfigurationError("\n".join(problems))
        keep = self._settings.keep_original
        self._rules = {agent: scope.rules(keep_original=keep) for agent, scope in self._scopes.items()}
        self._refine = {agent: scope.refinements() for agent, scope in self._scopes.items()}

    def rules(self, agent: str) -> Rules:
        """Return names, values and types for the events of an agent; `agent` may be any name."""
        return self._rules.get(agent) or self._rules[""]

    def plans(self, agent: str) -> AgentPlans:
        """Return what makes normalized events of an agent's."""
        known = agent if agent in self._scopes and agent else UNKNOWN
        found = self._plans.get(known)
        if found is None:  # two threads may both make them: they are alike
            found = self._plans[known] = self._scopes[known].plans(self._settings)
        return found

    def knows(self, agent: str) -> bool:
        """Return whether an agent's events are normalized."""
        return bool(agent) and agent in self._scopes

    def refined(self, agent: str, attributes: Attributes) -> str:
        """Return the agent that an event's attributes tell more exactly."""
        for attribute, agents in self._refine.get(agent, ()):
            value = attributes.get(attribute)
            if isinstance(value, str) and value in agents:
                return agents[value]
        return agent

    def agent_of(self, name: str) -> str:
        """Return the agent whose prefix is a name's first word and its dot, empty if there is none."""
        head, dot, _ = name.partition(".")
        return self._prefixes.get(head + dot, "") if dot else ""


def _patterns(layers: _Layers) -> dict[str, list[str]]:
    """Return the agents' patterns: the last layer's are tried first."""
    patterns: dict[str, list[str]] = {}
    for layer in reversed(layers):
        for entry in (entry for file in layer for entry in file.entries if entry.section == "agents"):
            words = patterns.setdefault(entry.canonical, [])
            if entry.alias != entry.canonical:
                words.append(entry.alias)
    return patterns


def _ambiguous_agents(layers: _Layers, names: Collection[str]) -> Iterator[str]:
    """Yield patterns that mean two agents, and those that are another agent's name, which means itself."""
    for layer in layers:
        seen: dict[str, Entry] = {}
        for entry in (entry for file in layer for entry in file.entries if entry.section == "agents"):
            if entry.alias == entry.canonical:
                continue
            first = seen.setdefault(entry.alias.lower(), entry)
            if first.canonical != entry.canonical:
                yield _both(entry, f'{_what(entry)} means "{entry.canonical}" here and "{first.canonical}"', first)
            if entry.alias.lower() in names:
                yield f'{entry.position} {_what(entry)} means "{entry.canonical}" here and is a canonical name itself'


class _Scope:
    """What applies to the events of one agent: the files about it and those about all events."""

    def __init__(self, agent: str, layers: _Layers) -> None:
        self._used = [[file for file in layer if _is_about(file, agent)] for layer in layers]
        self._prefix = next((file.prefix for layer in reversed(self._used) for file in layer if file.prefix), "")
        self._targets: dict[_Key, Entry] = {}
        self._canonical: dict[_Key, Entry] = {}
        self._ambiguous: list[tuple[Entry, Entry]] = []
        for layer in self._used:
            self._add(entry for file in layer for entry in file.entries if entry.section != "agents")
        for each in self._derivations():
            declared = Entry("attributes", "", each.target, each.target, each.position)
            self._canonical.setdefault(self._key(declared), declared)

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

    def _files(self) -> Iterator[TableFile]:
        for layer in self._used:
            yield from layer

    def _derivations(self) -> Iterator[Derivation]:
        for file in self._files():
            yield from file.source
            for rule in file.rules:
                yield from rule.fields

    # ---- what is wrong ----

    def problems(self) -> Iterator[str]:
        """Yield what is ambiguous."""
        for first, second in self._ambiguous:
            yield _both(second, f'{_what(second)} means "{second.canonical}" here and "{first.canonical}"', first)
        for key, entry in self._targets.items():
            yield from self._chains(key, entry)
            yield from self._misplaced(entry)
        for each in self._derivations():
            if each.target in WRITTEN or each.target.startswith(ORIGINAL):
                yield f'{each.position} "{each.target}" is written by this processor; action says what happened'
        for layer in self._used:
            yield from self._same_rules(layer)

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

    @staticmethod
    def _same_rules(layer: Sequence[TableFile]) -> Iterator[str]:
        """Yield rules of one layer that apply to the same events and want different actions."""
        seen: dict[tuple[str, str, str], Rule] = {}
        for rule in (rule for file in layer for rule in file.rules if rule.action):
            for signal in rule.signals:
                for event in rule.events or ("",):
                    first = seen.setdefault((signal, event, repr(rule.written)), rule)
                    if first.action != rule.action:
                        yield (
                            f'{rule.position} the same events get the action "{rule.action}" here and '
                            f'"{first.action}": {first.position}'
                        )

    # ---- what comes of it ----

    def rules(self, *, keep_original: bool) -> Rules:
        """Return names, values and types, which make sense if there are no problems."""
        values = self._section("values")
        types = self._section("types")
        return Rules(
            prefix=self._prefix,
            events=self._section("events").get(""),
            renames=self._section("attributes").get(""),
            values={
                name: ValueRule(values.get(name, {}), types.get(name, {}).get("", "")) for name in {**values, **types}
            },
            keep_original=keep_original,
        )

    def refinements(self) -> list[tuple[str, Mapping[str, str]]]:
        """Return the attributes that tell agents from each other, with value -> agent, the last file's first."""
        found: list[tuple[str, Mapping[str, str]]] = []
        for file in reversed([*self._files()]):
            agents: dict[str, dict[str, str]] = {}
            for each in file.refine:
                agents.setdefault(each.attribute, {})[each.value] = each.agent
            found += agents.items()
        return found

    def plans(self, settings: Settings) -> AgentPlans:
        """Return what makes normalized events."""
        return AgentPlans(
            load_schema(),
            settings,
            self._fields(),
            prefix=self._prefix,
            rules=[rule for layer in self._used for rule in _rules(layer) if not rule.only_takes],
            source=[each for file in self._files() for each in file.source],
            unnamed=frozenset(signal for file in self._files() for signal in file.unnamed),
        )

    def _fields(self) -> Fields:
        schema = load_schema()
        values, types = self._section("values"), self._section("types")
        rules: dict[str, ValueRule] = {}
        for name in {**schema.names, **values, **types}:
            spec = schema.names.get(name)
            kind = types.get(name, {}).get("", spec.type if spec else "")
            rules[name] = ValueRule(values.get(name, {}), kind, spec.values if spec else ())
        renames = {**schema.renames, **self._section("attributes").get("", {})}
        fields = Fields(schema, renames, rules)
        unused = [name for file in self._files() for rule in file.rules if rule.only_takes for name in rule.takes]
        for name in (AGENT, SCHEMA, *unused):  # what the agent says of itself, and what no rule needs
            fields.known[name] = Field(name, None, lambda _: ABSENT, copied=False)
        return fields

    def _section(self, wanted: str) -> dict[str, dict[str, str]]:
        """Return subject -> alias -> canonical name of a section."""
        found: dict[str, dict[str, str]] = {}
        for (section, subject, alias), entry in self._targets.items():
            if section == wanted:
                found.setdefault(subject, {})[alias] = entry.canonical
        return found


def _is_about(file: TableFile, agent: str) -> bool:
    if agent == UNKNOWN and file.unknown_with:
        return True
    return not file.agents or agent in file.agents


def _rules(layer: Sequence[TableFile]) -> Iterator[Rule]:
    """Yield a layer's names of events as rules, then its rules."""
    for file in layer:
        for entry in file.entries:
            if entry.section == "events" and entry.alias != entry.canonical:
                yield Rule(entry.position, events=(entry.alias,), action=entry.canonical)
    for file in layer:
        yield from file.rules


def _what(entry: Entry) -> str:
    if entry.section == "types":
        return f'the type of "{entry.subject}"'
    return f'"{entry.alias}" of {entry.section}{"." if entry.subject else ""}{entry.subject}'


def _both(here: Entry, message: str, there: Entry) -> str:
    return f"{here.position} {message}: {there.position}"
