"""Gives events, attributes and values their canonical names."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from beacon_core.component import Host
from beacon_core.event import Attributes, Batch, Event
from beacon_core.processor import Processor
from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.duplicates import Duplicates
from beacon_core.processors.canonicalize.loading import load_tables
from beacon_core.processors.canonicalize.plans import AgentPlans
from beacon_core.processors.canonicalize.rules import AGENT, SCHEMA, Rules
from beacon_core.processors.canonicalize.schema import load_schema
from beacon_core.processors.canonicalize.tables import Tables

#: Names that are logged: words without digits, which no sanitizer has to look at.
_PLAIN_NAME = re.compile("[a-z]{1,24}(?:[._-][a-z]{1,24}){0,7}")
_MOST_TOLD = 100


class _Source:
    """What the events with one resource and scope share."""

    __slots__ = ("agent", "plans")

    def __init__(self, agent: str) -> None:
        #: The agent that resource and scope name, empty if they name none.
        self.agent = agent
        #: (agent, signal) -> what makes events, and what they all have.
        self.plans: dict[tuple[str, str], tuple[AgentPlans, Attributes]] = {}


class CanonicalizeProcessor(Processor):
    """Makes normalized events of coding agents' telemetry; gives other events canonical names where a table has them.

    Unknown names pass unchanged, and a second pass changes nothing. Metrics and spans keep their names. A table about
    an agent applies to that agent's events only. Noise is left out, and so is what another source has told already;
    both count as filtered.
    """

    config_class: ClassVar[type[CanonicalizeConfig]] = CanonicalizeConfig
    config: CanonicalizeConfig
    _tables: Tables
    _loaded = False
    _duplicates: Duplicates

    def __init__(self, config: CanonicalizeConfig) -> None:
        super().__init__(config)
        self._told: set[str] = set()

    def validate(self) -> None:
        """Read and check the tables; `start` takes what was read here.

        Raises:
            ConfigurationError: a line for each problem, with `file:line:column`.
        """
        self._tables = load_tables(self.config, self._count_corrected, self._tell_unknown)
        self._loaded = True

    def start(self, host: Host) -> None:
        super().start(host)
        if not self._loaded:
            self.validate()
        self._duplicates = Duplicates(load_schema().duplicates, self.config.stdout, host.clock)

    def _count_corrected(self, amount: int) -> None:
        self.host.count("usage_corrected", amount)

    def _tell_unknown(self, name: str) -> None:
        """Log a name that no table has, so that somebody adds it; only if it can be nothing but a name (promise P2)."""
        plain = _PLAIN_NAME.fullmatch(name) and not any(secret in name for secret in self.host.secrets)
        if plain and name not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(name)
            self.host.logger.info("no table names the event %s of a known agent; what it has is in beacon.raw", name)

    def process(self, batch: Batch) -> Batch:
        sources: dict[tuple[int, int], _Source] = {}  # by identity of resource and scope, which the batch holds
        events: list[Event] = []
        changed = False
        for event in batch.events:
            key = (id(event.resource), id(event.scope))
            source = sources.get(key)
            if source is None:
                source = sources[key] = _Source(self._maker(event))
            canonical = self._canonical(event, source)
            if canonical is not event:
                changed = True
                if canonical is None:
                    continue
            events.append(canonical)
        return batch.with_events(events) if changed else batch

    def _maker(self, event: Event) -> str:
        """Return the agent that resource and scope name; an agent's own name first, then what calls itself so."""
        own = event.resource.get(AGENT)
        if isinstance(own, str) and own:
            return self._tables.agents.match(own) or own
        service = event.resource.get("service.name")
        found = self._tables.agents.match(service) if isinstance(service, str) else ""
        return found or (self._tables.agents.match(event.scope.name) if event.scope is not None else "")

    def _canonical(self, event: Event, source: _Source) -> Event | None:
        tables, attributes = self._tables, event.attributes
        agent = source.agent
        if AGENT in attributes or not agent:
            agent = self._agent(event, agent)
        if SCHEMA in attributes and load_schema().is_normalized(attributes):
            return _renamed(event, tables.rules(agent))
        if tables.knows(agent):
            return self._normalized(event, source, tables.refined(agent, attributes))
        for name in tables.unknown_with:
            service = event.resource.get("service.name")
            if name in attributes and isinstance(service, str) and service:
                return self._normalized(event, source, agent or service)
        return self._named(event, agent)

    def _agent(self, event: Event, agent: str) -> str:
        """Return the agent that an event names itself, else the one of its source, else the one of its name."""
        own = event.attributes.get(AGENT)
        if isinstance(own, str) and own:
            return self._tables.agents.match(own) or own
        agent = agent or self._tables.agent_of(event.name)
        if not agent and event.signal == "log" and isinstance(event.body, str):
            agent = self._tables.agent_of(event.body)
        return agent

    def _named(self, event: Event, agent: str) -> Event:
        """Return an event that is not normalized, with the names of tables about all events."""
        rules = self._tables.rules(agent)
        canonical = event if rules.inert else rules.apply(event)
        if agent and canonical.attributes.get(AGENT) != agent:
            canonical = msgspec.structs.replace(canonical, attributes={**canonical.attributes, AGENT: agent})
        return canonical

    def _normalized(self, event: Event, source: _Source, agent: str) -> Event | None:
        found = source.plans.get((agent, event.signal))
        if found is None:
            plans = self._tables.plans(agent)
            found = source.plans[(agent, event.signal)] = (plans, plans.template(event, agent))
        plans, template = found
        canonical = plans.apply(event, template)
        if canonical is None or canonical.metric is not None:
            return canonical
        kept = self._duplicates.judge(canonical)
        if kept is None:
            self.host.count("duplicates", reason=str(canonical.attributes["beacon.source"]))
        return kept


def _renamed(event: Event, rules: Rules) -> Event:
    """Return an event that is normalized already, with the names of tables that it has not seen."""
    attributes = rules.attributes(event.attributes)
    return event if attributes is event.attributes else msgspec.structs.replace(event, attributes=attributes)
