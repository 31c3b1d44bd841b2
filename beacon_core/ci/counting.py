"""Reads what a validation counts from lines of the file exporter: fast, as a log may have a million of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

_AGENT = "beacon.agent.name"


class _Agent(msgspec.Struct):
    name: Any = msgspec.field(name=_AGENT, default=None)


class _Event(msgspec.Struct):
    attributes: _Agent = msgspec.field(default_factory=_Agent)
    resource: _Agent = msgspec.field(default_factory=_Agent)


def count(lines: Iterable[bytes]) -> tuple[int, Counter[str], int]:
    """Count events.

    Returns:
        How many there are, how many of each agent, and the number of the first line that is none, 0 if all are.
    """
    decode = msgspec.json.Decoder(_Event).decode
    agents: Counter[str] = Counter()
    events = 0
    for number, line in enumerate(lines, 1):
        try:
            event = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return events, agents, number
        events += 1
        agent = event.attributes.name or event.resource.name
        if isinstance(agent, str):
            agents[agent] += 1
    return events, agents, 0
