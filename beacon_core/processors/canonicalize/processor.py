"""Gives events, attributes and values their canonical names."""

from __future__ import annotations

from typing import ClassVar

from beacon_core.component import Host
from beacon_core.event import Batch, Event
from beacon_core.processor import Processor
from beacon_core.processors.canonicalize.agents import AgentNames
from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.loading import load_tables
from beacon_core.processors.canonicalize.rules import AGENT, Rules
from beacon_core.processors.canonicalize.tables import Tables


class CanonicalizeProcessor(Processor):
    """Replaces aliases by canonical names; unknown names pass unchanged, and a second pass changes nothing.

    Metrics and spans keep their names; their attributes are treated as those of log events. A table about an agent
    applies to that agent's events only.
    """

    config_class: ClassVar[type[CanonicalizeConfig]] = CanonicalizeConfig
    config: CanonicalizeConfig

    def __init__(self, config: CanonicalizeConfig) -> None:
        super().__init__(config)
        self._tables = Tables(AgentNames({}), {}, {"": Rules()})

    def validate(self) -> None:
        """Check the tables, without a start and without keeping them.

        Raises:
            ConfigurationError: a line for each problem, with `file:line:column`.
        """
        load_tables(self.config)

    def start(self, host: Host) -> None:
        super().start(host)
        self._tables = load_tables(self.config)

    def process(self, batch: Batch) -> Batch:
        makers: dict[tuple[int, int], str] = {}  # by identity of resource and scope, which the batch holds
        events: list[Event] = []
        changed = False
        for event in batch.events:
            source = (id(event.resource), id(event.scope))
            maker = makers.get(source)
            if maker is None:
                maker = makers[source] = self._maker(event)
            canonical = self._canonical(event, maker)
            changed = changed or canonical is not event
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

    def _canonical(self, event: Event, maker: str) -> Event:
        tables = self._tables
        own = event.attributes.get(AGENT)
        if isinstance(own, str) and own:
            agent = tables.agents.match(own) or own
        else:
            agent = maker or tables.agent_of(event.name)
            if not agent and event.signal == "log" and isinstance(event.body, str):
                agent = tables.agent_of(event.body)
        return tables.rules(agent).apply(event, agent)
