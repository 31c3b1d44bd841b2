"""Every error that Beacon raises on purpose; the class says what to do next.

    BeaconError
    ├── ConfigurationError          the operator can fix it; from an exporter: keep the data and retry slowly
    │   └── PluginError             a component type is missing, broken or installed twice
    ├── InvalidDataError            what a source sent cannot be read; sending it again will not help
    ├── QueueError                  the queue cannot do what was asked
    │   ├── QueueFullError          back-pressure: slow down and send it again
    │   └── QueueUnavailableError   the disk is full, read-only or gone: send it again later
    └── ExportError                 one attempt of an exporter did not succeed
        ├── RetryableError          the same batch may succeed later
        ├── BatchTooLargeError      the destination wants less at once
        ├── PartialExportError      some events were taken, the others failed each in its own way
        └── PermanentError          the destination will never take it

Messages are shown to people and written to logs: never put a credential, a URL's query or a payload into one.
"""

from __future__ import annotations

from collections.abc import Mapping


class BeaconError(Exception):
    """The root of all errors that Beacon raises on purpose."""


class ConfigurationError(BeaconError):
    """Something that the operator has to correct: a wrong option, a refused token, an index that does not exist.

    Raised by an exporter (HTTP 401, 403 ...) it keeps the data in the queue, slows the exporter down and is reported
    loudly; the data is good and will be delivered once the cause is gone.
    """


class PluginError(ConfigurationError):
    """A component type that is not installed, cannot be imported, or is installed twice."""


class InvalidDataError(BeaconError):
    """Input that cannot be read; repeating it will not help. Receivers turn it into a 400 or a counted line."""


class QueueError(BeaconError):
    """The queue cannot do what was asked."""


class QueueFullError(QueueError):
    """The queue has reached `max_bytes`. Nothing was stored; the source should slow down and send again.

    Args:
        message: what is full.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueUnavailableError(QueueError):
    """The queue cannot store now (disk full, read-only, I/O error). Nothing was stored; it may work later."""


class ExportError(BeaconError):
    """One attempt of an exporter did not succeed."""


class RetryableError(ExportError):
    """The same batch may succeed later: a busy or unreachable destination.

    Args:
        message: what happened.
        retry_after: seconds the destination asked to wait, None if it did not say.
        ambiguous: the destination may have taken the batch (a reset or a time-out after sending). Sending it again can
            make duplicates, which the receipt counts as `possibly_duplicated`.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, ambiguous: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.ambiguous = ambiguous


class BatchTooLargeError(ExportError):
    """The destination wants less at once. The worker sends two halves; a single event goes to the dead letters."""


class PermanentError(ExportError):
    """The destination will never take this batch. It goes to the dead letters with this message as the reason."""


class PartialExportError(ExportError):
    """Part of a batch was not taken; every event that is not named was delivered.

    Args:
        failed: what failed, by event id; each error is treated as if its event had been exported alone.
    """

    def __init__(self, failed: Mapping[str, Exception]) -> None:
        super().__init__(f"{len(failed)} events were not taken")
        self.failed = dict(failed)
