"""Puts what is known about the environment into the resource of every event."""

from __future__ import annotations

import os
from typing import ClassVar

import msgspec

from beacon_core.component import Host
from beacon_core.event import Attributes, Batch, Event
from beacon_core.processor import Processor
from beacon_core.processors.fingerprint.environment import FingerprintConfig, environment_attributes

#: Families of attributes that only mean something together: a resource that has one member is given no other.
_FAMILIES = frozenset({"os", "host", "process.runtime", "telemetry.distro"})


class FingerprintProcessor(Processor):
    """Adds the environment's attributes to resources; what a resource says itself stays.

    The environment is looked at once, in `start`. Events that shared a resource share the new one.
    """

    config_class: ClassVar[type[FingerprintConfig]] = FingerprintConfig
    config: FingerprintConfig

    def __init__(self, config: FingerprintConfig) -> None:
        super().__init__(config)
        self._attributes: Attributes = {}

    def start(self, host: Host) -> None:
        super().start(host)
        self._attributes = environment_attributes(self.config, os.environ)

    def process(self, batch: Batch) -> Batch:
        added = self._attributes
        merged: dict[int, Attributes] = {}  # by identity, which holds while the batch holds its events
        replace = msgspec.structs.replace
        events: list[Event] = []
        for event in batch.events:
            resource = event.resource
            new = merged.get(id(resource))
            if new is None:
                new = merged[id(resource)] = _merged(added, resource)
            events.append(replace(event, resource=new))
        return batch.with_events(events)


def _merged(added: Attributes, resource: Attributes) -> Attributes:
    said = {name.rpartition(".")[0] for name in resource} & _FAMILIES
    if said:
        added = {name: value for name, value in added.items() if name.rpartition(".")[0] not in said}
    return {**added, **resource}
