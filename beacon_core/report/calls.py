"""The calls of tools: each counts once, from however many sources it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from beacon_core.report.bounded import bounded

_MOST_TOOLS, _MOST_CALLS, _MOST_TARGETS = 200, 2048, 256
_SECOND = 1_000_000_000
#: How far apart two sources tell the same at most, by action.
_APART = {"tool.completed": 10 * _SECOND}
_COMMONLY_APART = 2 * _SECOND

#: How a call ended; of two reports the greater one holds.
ASKED, WELL, FAILED, DENIED = range(4)
_RANKS = {"success": WELL, "failure": FAILED, "timeout": FAILED, "cancelled": FAILED, "denied": DENIED}


def rank(outcome: str) -> int:
    """Return how a call ended, by its canonical outcome."""
    return _RANKS.get(outcome, ASKED)


@dataclass(slots=True)
class ToolUse:
    """What was done with one tool.

    Attributes:
        calls: how often the agent asked for it; the next two are part of them.
        failures: ended with failure, timeout or cancelled.
        denied: were not allowed.
        duration_ms: how long the calls took together, as far as that is known.
    """

    calls: int = 0
    failures: int = 0
    denied: int = 0
    duration_ms: int = 0

    def add(self, other: ToolUse) -> None:
        """Add another one's numbers."""
        self.calls += other.calls
        self.failures += other.failures
        self.denied += other.denied
        self.duration_ms += other.duration_ms


@dataclass(slots=True)
class Call:
    """One call, and what has already been told of it; `id` is empty where the agent has none."""

    tool: str
    id: str = ""
    asked: bool = False
    ended: int = ASKED
    told: set[str] = field(default_factory=set)

    def first(self, what: str) -> bool:
        """Say whether something is told of this call for the first time."""
        if what in self.told:
            return False
        self.told.add(what)
        return True


class Calls:
    """The calls of one session. The last ones are known by their ids: what is told of them again counts no new call.

    Attributes:
        tools: what was done with each tool, by its name.
    """

    def __init__(self) -> None:
        self.tools: dict[str, ToolUse] = {}
        self._calls: dict[str, Call] = {}

    def get(self, tool: str, call_id: str) -> Call:
        """Return a call.

        Args:
            tool: the tool's name.
            call_id: the call's; empty if the agent has none, then this is a call of its own.
        """
        call = self._calls.get(call_id)
        if call is None:
            call = Call(bounded(tool, self.tools, _MOST_TOOLS), call_id)
            if call_id:
                self._calls[call_id] = call
                if len(self._calls) > _MOST_CALLS:
                    self._forget(next(iter(self._calls)))
        return call

    def count(self, call: Call, ended: int, duration_ms: int = 0) -> None:
        """Count what an event tells of a call: how it ended, as `rank` says, and how long it took, 0 if unknown."""
        if ended == ASKED and call.id:
            call.asked = True  # it counts when it has ended, or when it is clear that nobody tells
            return
        tool = self.tools.setdefault(call.tool, ToolUse())
        tool.calls += call.first("call")
        if duration_ms and call.first("duration"):
            tool.duration_ms += duration_ms
        if ended > call.ended:
            tool.failures += (ended == FAILED) - (call.ended == FAILED)
            tool.denied += ended == DENIED
            call.ended = ended

    def settle(self) -> None:
        """Count the calls of which nobody told the end. Call it once, when all is read."""
        for call_id in list(self._calls):
            self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        call = self._calls.pop(call_id)
        if call.asked and call.first("call"):
            self.tools.setdefault(call.tool, ToolUse()).calls += 1


class Echoes:
    """Finds what a second source tells once more, where no id says that it is the same."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[int, str, str]] = {}

    def repeats(self, action: str, target: str, *, time: int, source: str, call_id: str) -> bool:
        """Say whether another source has just told this; remember it if not.

        Args:
            action: the canonical action.
            target: what it was done with, such as the command line.
            time: when, in Unix nanoseconds.
            source: which source tells it.
            call_id: the call's id; two that have one are compared by them, not here.
        """
        before = self._told.get((action, target))
        if before is not None:
            told, teller, known_id = before
            near = abs(time - told) <= _APART.get(action, _COMMONLY_APART)
            if near and teller != source and not (call_id and known_id):
                return True
        self._told[action, target] = (time, source, call_id)
        if len(self._told) > _MOST_TARGETS:
            del self._told[next(iter(self._told))]
        return False
