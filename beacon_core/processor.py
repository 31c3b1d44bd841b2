"""The interface of processors."""

from __future__ import annotations

from abc import abstractmethod

from beacon_core.component import Component
from beacon_core.event import Batch


class Processor(Component):
    """Changes events on their way from a receiver to the queue, a batch at a time, so that work can be shared."""

    @abstractmethod
    def process(self, batch: Batch) -> Batch:
        """Return the batch with its events changed, or fewer of them; events keep their ids.

        Called by several threads at once: keep no state that a call changes without a lock. Events are immutable:
        make new ones (`msgspec.structs.replace`). An event that is left out is counted as filtered. If this raises,
        the batch is tried again event by event, and an event that still makes it raise is dropped and counted; nothing
        of it is stored anywhere (promise P2).
        """
