"""What a crash campaign has seen: what clients were promised, what arrived where, and what every run said of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: Marks a record that the HEC server refuses: it has to end in the dead letters of that exporter, and nowhere else.
POISON = "poison"


#: Stands between a record's name and what makes it larger.
PADDING = "~"


def name_of(body: str) -> str:
    """Return the name of the record with this body."""
    return body.partition(PADDING)[0]


class Arrival(NamedTuple):
    """One event at one destination.

    Attributes:
        run: the number of the run that delivered it; -1 where the destination cannot tell.
        id: the event's id.
        name: the record's unique name, `client-request-position`.
        confirmed: whether the destination said that it has it; if not, it may come again.
    """

    run: int
    id: str
    name: str
    confirmed: bool = True


class Position(NamedTuple):
    """Where a record stands in what one client sent."""

    client: str
    request: int
    record: int


def position(name: str) -> Position:
    """Return what a record's name says."""
    client, request, record, *_ = name.split("-")
    return Position(client, int(request), int(record))


@dataclass
class QueueState:
    """What the queue's file holds between two runs.

    Attributes:
        queued: events that wait, by exporter.
        dead: ids and names in the dead letters, by exporter.
        problems: what cannot be read, or contradicts itself.
    """

    queued: Counter[str] = field(default_factory=Counter)
    dead: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass
class RunRecord:
    """One process, from its start to its end.

    Attributes:
        number: counts from 0.
        phase: what the run was meant to be interrupted in.
        pid: of the process.
        killed: it was ended with SIGKILL; otherwise it ended by itself after a SIGTERM.
        receipt: what it wrote at its end, None if it was killed.
        before, after: the queue's file before and after it.
        acknowledged: records that clients were told are safe, during this run.
        problems: what it did that no run may do: ending by itself, a traceback, a start that takes for ever.
    """

    number: int
    phase: str
    pid: int = 0
    killed: bool = False
    receipt: dict[str, Any] | None = None
    before: QueueState = field(default_factory=QueueState)
    after: QueueState = field(default_factory=QueueState)
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Evidence:
    """Everything that the verdict is made of.

    Attributes:
        attempt: events of one delivery attempt at most.
        acknowledged: names of records whose request was answered with 200, in the order of the answers.
        arrivals: by exporter, in the order of arrival.
        torn: by exporter, the ids of lines that cannot be read, empty where not even the id can.
        faults: what a destination received that it should not have.
        runs: in their order.
        ordered: one process does the work, which keeps each client's order.
    """

    attempt: int
    acknowledged: list[str] = field(default_factory=list)
    arrivals: dict[str, list[Arrival]] = field(default_factory=dict)
    torn: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    runs: list[RunRecord] = field(default_factory=list)
    ordered: bool = True

    @property
    def kills(self) -> int:
        """How many runs were killed."""
        return sum(run.killed for run in self.runs)
