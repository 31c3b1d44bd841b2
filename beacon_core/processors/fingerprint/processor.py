"""Puts what is known about the environment into the resource of every event."""

from __future__ import annotations

import os
from typing import ClassVar
from urllib.parse import unquote

import msgspec

from beacon_core.component import Host
from beacon_core.event import Attributes, Batch, Event
from beacon_core.processor import Processor
from beacon_core.processors.fingerprint.config import FingerprintConfig
from beacon_core.processors.fingerprint.detection import working_directory
from beacon_core.processors.fingerprint.environment import environment_attributes
from beacon_core.processors.fingerprint.names import NAMING, PIPELINE_RUN_ID, TOLD
from beacon_core.processors.fingerprint.reading import load_rows

#: Families of attributes that only mean something together: a resource that has one member is given no other.
_FAMILIES = ("os.", "host.", "process.runtime.", "telemetry.distro.", "container.", "k8s.")
#: What is about a CI run; a resource that names another run is given none of it.
_RUN = ("cicd.", "vcs.", "beacon.run.")


class FingerprintProcessor(Processor):
    """Adds the environment's attributes to resources; what a resource says itself stays.

    Names of hosts and people that are not switched on are removed, whoever says them. The environment is looked at
    once, in `start`. Events that shared a resource share the new one.
    """

    config_class: ClassVar[type[FingerprintConfig]] = FingerprintConfig
    config: FingerprintConfig

    def __init__(self, config: FingerprintConfig) -> None:
        super().__init__(config)
        self._attributes: Attributes = {}
        self._removed: frozenset[str] = frozenset()

    def validate(self) -> None:
        """Check the files of `providers`, without keeping what they say.

        Raises:
            ConfigurationError: a line for each problem, with `file:line:column`.
        """
        load_rows(self.config.providers)

    def start(self, host: Host) -> None:
        super().start(host)
        rows = load_rows(self.config.providers)
        if not self.config.keep_names:
            self._removed = frozenset(name for name in NAMING if not self.config.adds(name))
        self._attributes = environment_attributes(self.config, os.environ, rows=rows, directory=working_directory())

    def process(self, batch: Batch) -> Batch:
        added, removed = self._attributes, self._removed
        merged: dict[int, Attributes] = {}  # by identity, which holds while the batch holds its events
        replace = msgspec.structs.replace
        events: list[Event] = []
        for event in batch.events:
            resource = event.resource
            new = merged.get(id(resource))
            if new is None:
                new = merged[id(resource)] = _merged(added, _without(removed, resource))
            attributes = event.attributes
            for name in removed:  # quicker than sets, since most events have many attributes and none of these
                if name in attributes:
                    attributes = _without(removed, attributes)
                    break
            events.append(replace(event, resource=new, attributes=attributes))
        return batch.with_events(events)


def _without(removed: frozenset[str], attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if name not in removed}


def _merged(added: Attributes, resource: Attributes) -> Attributes:
    resource = {**resource, **_returned(added, resource)}
    said = tuple(family for family in _FAMILIES if any(name.startswith(family) for name in resource))
    if PIPELINE_RUN_ID in resource and resource[PIPELINE_RUN_ID] != added.get(PIPELINE_RUN_ID):
        said += _RUN
    if said:
        added = {name: value for name, value in added.items() if not name.startswith(said)}
    return {**added, **resource}


def _returned(added: Attributes, resource: Attributes) -> Attributes:
    """Return what an agent was told about the run and gives back as text, in some SDKs (Codex's) not decoded."""
    texts = {name: resource[name] for name in TOLD if name in resource and name in added}
    return {
        name: added[name]
        for name, text in texts.items()
        if isinstance(text, str) and text != added[name] and unquote(text) == _word(added[name])
    }


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
