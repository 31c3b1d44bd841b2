"""Beacon's own counters: what the receipt, the admin endpoint and the log report about a run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Count:
    """A counter's value.

    Attributes:
        name: what is counted, such as `delivered` or `refused`.
        component: the id of the component it is counted for, as in the YAML file, such as `file/archive`.
        reason: why, where that matters (`dropped`, `refused`), else empty.
        value: how many since the start of the run.
    """

    name: str
    component: str
    reason: str
    value: int


class Counters:
    """Counts by name, component and reason. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, str, str], int] = {}

    def add(self, name: str, component: str, amount: int = 1, *, reason: str = "") -> None:
        """Add `amount` to a counter; a counter that nothing was added to does not exist."""
        if amount:
            key = (name, component, reason)
            with self._lock:
                self._values[key] = self._values.get(key, 0) + amount

    def get(self, name: str, component: str) -> int:
        """Return a counter's value over all reasons."""
        with self._lock:
            return sum(value for key, value in self._values.items() if key[:2] == (name, component))

    def reasons(self, name: str, component: str) -> dict[str, int]:
        """Return a counter's values by reason."""
        with self._lock:
            return {key[2]: value for key, value in self._values.items() if key[:2] == (name, component)}

    def __iter__(self) -> Iterator[Count]:
        with self._lock:
            items = sorted(self._values.items())
        return (Count(*key, value) for key, value in items)
