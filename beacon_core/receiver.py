"""The interface of receivers, and of what they hand events to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

from beacon_core.component import Component
from beacon_core.errors import ConfigurationError
from beacon_core.event import Batch


class Consumer(Protocol):
    """What a receiver hands its batches to: the pipelines it belongs to."""

    def consume(self, batch: Batch) -> None:
        """Process and store a batch. When this returns, the batch is durable and may be acknowledged (promise P1).

        May be called from any thread, by several at once; calls that overlap share one commit. Raises before anything
        is stored or not at all: acceptance is atomic over all exporters (promise P4).

        Raises:
            QueueFullError: slow down and try again after `retry_after` seconds.
            QueueUnavailableError: the queue cannot store now; try again later.
        """

    def consume_all(self, batches: Sequence[Batch]) -> None:
        """Process and store several batches as `consume` does one, for little more than what one costs.

        All of them are stored or none; where they do not fit together, one by one some may. For a receiver with many
        small batches at hand, such as requests that arrived while others were being stored.
        """


class Receiver(Component):
    """Takes telemetry in.

    `start` binds sockets and opens files, so that a receiver that cannot work fails before anything is acknowledged.
    The service then calls `run` in a thread of the receiver's own.
    """

    #: Whether `run` comes to an end by itself: at the end of a source, or after one pass where `Host.once` asks for it.
    #: `beacon run --once` takes no other receivers.
    finite: ClassVar[bool] = False

    @property
    def endpoints(self) -> dict[str, str]:
        """Where it listens, by protocol, such as `{"http": "http://127.0.0.1:4318"}`; known once started."""
        return {}

    def share(self, workers: int) -> None:
        """Take the addresses that all processes will listen on; a receiver without an override runs only once."""
        raise ConfigurationError(f"cannot run in {workers} processes at once; set service.workers to 1")

    @abstractmethod
    def run(self, consumer: Consumer) -> None:
        """Receive until `shutdown` is called, or until a finite source is at its end; then return.

        `shutdown` comes from another thread; everything that was read completely is consumed before this returns.
        """
