"""What happened when: the first moments of a session one by one, and its usage over time, however long it took."""

from __future__ import annotations

from dataclasses import dataclass, field

from beacon_core.report.usage import Usage

#: Moments of a session that are kept one by one.
MOST_MOMENTS = 500
#: Steps that usage over time has at most.
MOST_STEPS = 120

_FIRST_WIDTH = 100_000_000  # a tenth of a second


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in a session.

    Attributes:
        start_unix_nano: when it began.
        duration_ms: how long it took; 0 where that is unknown.
        kind: prompt, model, tool, command, file, mcp, denied, error or session.
        label: what it was, such as the tool's name.
        outcome: success, failure, denied ... empty if nothing said it.
        detail: such as the command line; empty if there is none.
    """

    start_unix_nano: int
    duration_ms: int
    kind: str
    label: str
    outcome: str = ""
    detail: str = ""


@dataclass(slots=True)
class Timeline:
    """The first moments of a session, and how many came after them."""

    moments: list[Moment] = field(default_factory=list)
    left_out: int = 0

    def add(self, moment: Moment) -> None:
        """Keep a moment while there is room."""
        if len(self.moments) < MOST_MOMENTS:
            self.moments.append(moment)
        else:
            self.left_out += 1

    def in_order(self) -> list[Moment]:
        """Return the moments by time."""
        return sorted(self.moments, key=lambda moment: moment.start_unix_nano)


@dataclass(slots=True)
class Steps:
    """Usage over time in at most `MOST_STEPS` steps of one width, which doubles when time goes on.

    Attributes:
        width_unix_nano: a step's length; step `n` begins at `n * width_unix_nano`.
        steps: usage by the number of the step.
    """

    width_unix_nano: int = _FIRST_WIDTH
    steps: dict[int, Usage] = field(default_factory=dict)

    def add(self, time_unix_nano: int, usage: Usage) -> None:
        """Add usage at a time."""
        self.steps.setdefault(time_unix_nano // self.width_unix_nano, Usage()).add(usage)
        while max(self.steps) - min(self.steps) >= MOST_STEPS:
            self._widen()

    def in_order(self) -> list[tuple[int, Usage]]:
        """Return the steps' beginnings, in Unix nanoseconds, and their usage."""
        return [(number * self.width_unix_nano, usage) for number, usage in sorted(self.steps.items())]

    def _widen(self) -> None:
        wider: dict[int, Usage] = {}
        for number, usage in self.steps.items():
            wider.setdefault(number // 2, Usage()).add(usage)
        self.width_unix_nano *= 2
        self.steps = wider
