"""The interface of exporters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from beacon_core.component import Component
from beacon_core.config import ComponentConfig, ExporterConfig
from beacon_core.errors import BatchTooLargeError, PartialExportError, RetryableError
from beacon_core.event import Batch


class Exporter(Component):
    """Delivers events to one destination.

    An exporter makes one attempt and says what happened, by returning or by the class of its error. Retries, backoff,
    batching, splitting, deadlines and dead letters are the core's (promise P6). Its `config_class` derives from
    `ExporterConfig`, which brings the options of these.
    """

    config_class: ClassVar[type[ComponentConfig]] = ExporterConfig

    #: Whether `export` may be called by several threads at once; without it `max_in_flight` has to be 1.
    concurrent: ClassVar[bool] = False

    @abstractmethod
    def export(self, batch: Batch) -> None:
        """Deliver a batch; when this returns, the destination has it.

        Called by one thread at a time, or by `max_in_flight` threads if the class says that it is `concurrent`. Use a
        time-out on everything that can block.

        Raises:
            RetryableError: the same batch may succeed later.
            BatchTooLargeError: the destination wants less at once; the worker splits.
            PartialExportError: the events that it names failed, the others were delivered.
            PermanentError: the destination will never take this batch.
            ConfigurationError: the operator has to correct something; the data is kept.
        """

    def probe(self) -> str:
        """Ask the destination whether it would take events, and return in a few words what it says; send none.

        For `beacon doctor`, after `start`, never as a condition of a run: what is well now may not be in a minute.
        An exporter without an override has nobody to ask.

        Raises:
            RetryableError: the destination cannot be reached, or takes nothing now.
            ConfigurationError: it would refuse what this exporter sends, such as its credentials.
        """
        return ""


def raise_failures(batch: Batch, failed: Mapping[str, Exception]) -> None:
    """Raise what `export` has to raise, for an exporter that needs several requests; return if nothing failed.

    Args:
        batch: what was to be exported.
        failed: what was not delivered: an error by event id, one and the same object where a request failed as a whole.
    """
    if not failed:
        return
    errors = list(failed.values())
    if len(failed) == len(batch):  # nothing was delivered: halving the whole repeats nothing
        too_large = next((error for error in errors if isinstance(error, BatchTooLargeError)), None)
        if too_large or all(error is errors[0] for error in errors):
            raise too_large or errors[0]
    raise PartialExportError({event_id: _of_one(error, errors) for event_id, error in failed.items()})


def _of_one(error: Exception, errors: Sequence[Exception]) -> Exception:
    """Return the error as it concerns one event: what was too large together is not yet too large alone."""
    if isinstance(error, BatchTooLargeError) and sum(other is error for other in errors) > 1:
        return RetryableError(str(error))
    return error
