"""Why a request is refused, what that is in HTTP and in gRPC, and who is told."""

from __future__ import annotations

import traceback
from typing import Final

from beacon_core.component import Host
from beacon_core.errors import InvalidDataError, QueueError, QueueFullError
from beacon_core.receivers.otlp.inflate import InflatedTooLargeError

#: By reason, which is also what `refused` is counted under: the HTTP status and the code in google.rpc.Status.
#: 429 and 503 are the ones that a client repeats; 408 and 500 are final (OTLP specification, "Failures").
STATUS: Final[dict[str, tuple[int, int]]] = {
    "damaged_http": (400, 3),
    "invalid_data": (400, 3),
    "cut_short": (400, 3),
    "no_message": (400, 3),
    "path": (404, 12),
    "method": (405, 12),
    "slow_head": (408, 4),
    "slow_body": (408, 4),
    "too_large": (413, 8),
    "media_type": (415, 12),
    "content_encoding": (415, 12),
    "queue_full": (429, 14),
    "large_head": (431, 8),
    "internal_error": (500, 13),
    "queue_unavailable": (503, 14),
    "shutting_down": (503, 14),
}

#: The gRPC code of what may be sent again; it comes with RetryInfo.
UNAVAILABLE: Final = 14

#: Seconds. Never more: some clients give up at once when they are asked to wait longer than their last two seconds.
RETRY_DELAY: Final = 1
RETRY_AFTER: Final = (b"retry-after", b"%d" % RETRY_DELAY)


class Refusal(Exception):  # noqa: N818 - an answer, raised to leave the checks early
    """A request that is not accepted.

    Args:
        reason: a key of `STATUS`.
        message: for the developer of the client; no piece of the request.
        headers: beyond those that every answer has.
        unread: the body was not read to its end, so the connection cannot be used any further.
    """

    def __init__(self, reason: str, message: str, *headers: tuple[bytes, bytes], unread: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.headers = headers
        self.unread = unread


def refusal_for(error: BaseException) -> Refusal:
    """Return the refusal for what went wrong after the body had been read."""
    match error:
        case InflatedTooLargeError():
            return Refusal("too_large", str(error))
        case InvalidDataError():
            return Refusal("invalid_data", str(error))
        case QueueFullError():
            return Refusal("queue_full", str(error), RETRY_AFTER)
        case QueueError():
            return Refusal("queue_unavailable", str(error), RETRY_AFTER)
        case OSError():  # the operating system could not, perhaps it can later; its message may name files
            return Refusal("queue_unavailable", "cannot store now", RETRY_AFTER)
        case _:
            return Refusal("internal_error", "an error in the receiver, which its log describes")


class Refusals:
    """Counts refusals, and says in the log what happens for the first time. The event loop's thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._told: set[str] = set()

    def count(self, reason: str, message: str) -> None:
        """Count a refusal."""
        self._host.count("refused", reason=reason)
        self.tell(reason, f"refused a request ({reason}): {message}")

    def tell(self, what: str, text: str) -> None:
        """Log a text, for every `what` once."""
        if what not in self._told:
            self._told.add(what)
            self._host.logger.warning("%s; further ones are only counted", text)

    def tell_bug(self, error: BaseException) -> None:
        """Log where an unexpected error came from, but not its text, which may hold a piece of the request."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"
        self.tell(where, f"a request failed, which is a bug: {where}")
