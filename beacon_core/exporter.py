"""The interface of exporters."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from beacon_core.component import Component
from beacon_core.config import ComponentConfig, ExporterConfig
from beacon_core.event import Batch


class Exporter(Component):
    """Delivers events to one destination.

    An exporter makes one attempt and says what happened, by returning or by the class of its error. Retries, backoff,
    batching, splitting, deadlines and dead letters are the core's (promise P6). Its `config_class` derives from
    `ExporterConfig`, which brings the options of these.
    """

    config_class: ClassVar[type[ComponentConfig]] = ExporterConfig

    @abstractmethod
    def export(self, batch: Batch) -> None:
        """Deliver a batch; when this returns, the destination has it.

        Called by one thread at a time for each exporter. Use a time-out on everything that can block.

        Raises:
            RetryableError: the same batch may succeed later.
            BatchTooLargeError: the destination wants less at once; the worker splits.
            PartialExportError: the events that it names failed, the others were delivered.
            PermanentError: the destination will never take this batch.
            ConfigurationError: the operator has to correct something; the data is kept.
        """
