"""Gathers what has to be looked at in a batch: every distinct text once."""

from __future__ import annotations

from typing import Any

from beacon_core.event import Batch, Event
from beacon_core.processors.sanitize.walk import texts


class Pool:
    """The distinct texts of a batch.

    Attributes:
        texts: every text, keys included.
        keys: the keys of the events' own attributes.
        flat: for each event, whether it holds no lists, maps, bytes or records, so that looking its texts up is enough.
    """

    def __init__(self, batch: Batch) -> None:
        self._values: set[Any] = set()
        self.keys: set[str] = set()
        self.flat = [self._event(event) for event in batch.events]
        for shared in {id(event.resource): event.resource for event in batch.events}.values():
            self._values.update(texts(shared))
        for scope in {id(event.scope): event.scope for event in batch.events}.values():
            self._values.update(texts(scope))
        self._values |= self.keys
        binary = [value for value in self._values if type(value) is bytes]
        if binary:
            self.flat = [False] * len(batch)
            self._values.update(text for value in binary for text in texts(value))
        self.texts = [value for value in self._values if isinstance(value, str)]

    def _event(self, event: Event) -> bool:
        values, attributes, body = self._values, event.attributes, event.body
        self.keys.update(attributes)
        values.add(event.name)
        values.add(event.severity_text)
        flat = event.metric is None and event.span is None
        if not flat:
            values.update(texts(event.metric))
            values.update(texts(event.span))
        if isinstance(body, str):
            values.add(body)
        elif body is not None:
            flat = False
            values.update(texts(body))
        try:
            values.update(attributes.values())
        except TypeError:  # a list or a map cannot be a member of a set
            flat = False
            values.update(texts(attributes))
        return flat
