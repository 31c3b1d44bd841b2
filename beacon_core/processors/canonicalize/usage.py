"""Which of several reports of the same usage is counted, where no table can say it."""

from __future__ import annotations

import threading

_MOST_SESSIONS = 4096


class CountedKinds:
    """The kind of events that counts the usage of a session: the kind that came first. Any thread.

    An agent that nobody knows may report a request as a log event, as a span, or as both. What is remembered ends with
    the process, and with 4096 newer sessions.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, str] = {}

    def counts(self, session: str, kind: str) -> bool:
        """Return whether events of a kind count in a session; the first kind that asks does."""
        with self._lock:
            first = self._kinds.get(session)
            if first is None:
                if len(self._kinds) >= _MOST_SESSIONS:
                    del self._kinds[next(iter(self._kinds))]
                first = self._kinds[session] = kind
            return first == kind
