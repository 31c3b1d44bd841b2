"""How old events may be: Datadog takes older ones, but not with their time."""

from __future__ import annotations

from collections.abc import Sequence

from beacon_core import Event, Host

_HOUR = 3_600_000_000_000  # nanoseconds

#: Nanoseconds before and after now. Logs: Datadog, "Log collection"; metrics: "Submit metrics".
LOGS = (18 * _HOUR, 2 * _HOUR)
METRICS = (_HOUR, _HOUR // 6)

_CONSEQUENCES = {
    "log": "they get the time of receipt; the true one is in otel.timestamp",
    "metric": "it leaves them out",
}


class Windows:
    """Counts events outside of Datadog's windows (`outside_window`), and says so once in a run. Any thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._said: set[str] = set()

    def check(self, events: Sequence[Event]) -> None:
        """Look at events that were accepted by one intake."""
        now = self._host.clock()
        kind = "log" if any(event.metric is None for event in events) else "metric"
        past, future = LOGS if kind == "log" else METRICS
        outside = sum(not now - past <= event.time_unix_nano <= now + future for event in events)
        self._host.count("outside_window", outside, reason=kind)
        if outside and kind not in self._said:
            self._said.add(kind)
            self._host.logger.warning(
                "%d events of %d are outside of the time that Datadog accepts for a %s: %s",
                *(outside, len(events), kind, _CONSEQUENCES[kind]),
            )
