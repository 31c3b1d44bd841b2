"""What could not be read: counted, and told in the log without flooding it."""

from __future__ import annotations

from collections import Counter

from beacon_core.component import Host

_TOLD_IN_FULL = 10


class Refusals:
    """Counts refused lines; tells of the first ones each, of all others in one sentence at the end.

    Args:
        host: for counters and the log.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._told = 0
        self._untold: Counter[str] = Counter()

    def line(self, name: str, number: int, reason: str, why: str) -> None:
        """Count a line of the input `name`; `why` must not quote it."""
        self._host.count("refused", reason=reason)
        if self._told >= _TOLD_IN_FULL:
            self._untold[reason] += 1
            return
        self._told += 1
        self._host.logger.warning("%s:%d line refused (%s): %s", printable(name), number, reason, why)

    def input(self, name: str, why: str) -> None:
        """Count an input that cannot be read, or not to its end."""
        self._host.count("refused", reason="unreadable_input")
        self._host.logger.error("%s cannot be read: %s", printable(name), why)

    def summarize(self) -> None:
        """Tell of the lines that were only counted."""
        if self._untold:
            reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(self._untold.items()))
            self._host.logger.warning("%d more lines refused (%s)", self._untold.total(), reasons)


def printable(name: str) -> str:
    """Return a file's name as it can stand in one line of a log: it may hold newlines and undecodable bytes."""
    return name if name.isprintable() else ascii(name)
