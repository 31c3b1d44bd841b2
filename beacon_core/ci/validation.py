"""Says whether a session's telemetry came: four stages, in order, up to the first that fails ([C10])."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from beacon_core.ci.harnesses import HARNESSES

Result = Literal["ok", "warn", "fail"]
Match = Literal["all", "any"]


@dataclass(frozen=True)
class Stage:
    """One stage: its name, whether it passed, and what was seen."""

    name: str
    passed: bool
    evidence: str


@dataclass(frozen=True)
class Validation:
    """What was found out; stages after the first that failed were not looked at.

    Attributes:
        result: `ok`; or `warn` or `fail`, as the session was allowed to have no telemetry or not.
        stages: in order.
        events: how many the session has.
        agents: events by agent.
    """

    result: Result
    stages: list[Stage]
    events: int = 0
    agents: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a session is to have.

    Attributes:
        harnesses: agents whose events are to be there.
        match: all of them, or any.
        min_events: how many events at least.
        required: a failure is `fail`, else `warn`.
    """

    harnesses: Sequence[str] = ()
    match: Match = "all"
    min_events: int = 1
    required: bool = True


def validate(log: Path, offset: int, expected: Expectation) -> Validation:
    """Look at what a session has written.

    Args:
        log: its log.
        offset: bytes that the log had before.
        expected: what is to be in it.
    """
    found = _Found()
    stages: list[Stage] = []
    checks: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("runtime_log_exists", lambda: _exists(log)),
        ("runtime_log_parseable", lambda: found.read(log, offset)),
        ("event_count", lambda: _enough(found.events, expected.min_events)),
        ("harness_events", lambda: _agents(found.agents, expected)),
    ]
    for name, check in checks:
        stages.append(Stage(name, *check()))
        if not stages[-1].passed:
            break
    result: Result = "ok" if stages[-1].passed else "fail" if expected.required else "warn"
    return Validation(result, stages, found.events, dict(sorted(found.agents.items())))


def _exists(log: Path) -> tuple[bool, str]:
    if log.is_file():
        return True, str(log)
    return False, f"{log} is not there; nothing was received, or the pipeline has no file exporter that writes it"


class _Found:
    """What was read."""

    def __init__(self) -> None:
        self.events = 0
        self.agents: Counter[str] = Counter()

    def read(self, log: Path, offset: int) -> tuple[bool, str]:
        """Count the events behind the offset; a log that is shorter has been replaced, and is read from its start."""
        from beacon_core.ci.counting import count  # noqa: PLC0415 - slow to import, and `exec` waits for this module

        try:
            with log.open("rb") as file:
                if offset <= log.stat().st_size:
                    file.seek(offset)
                self.events, self.agents, wrong = count(line for line in file if not line.isspace())
        except OSError as error:
            return False, f"{log} cannot be read: {error.strerror}"
        if wrong:
            return False, f"{log}: line {wrong} of this session is not an event in JSON"
        return True, _counted(self.events, "line")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _enough(events: int, at_least: int) -> tuple[bool, str]:
    said = f"{_counted(events, 'event')}, at least {at_least} wanted"
    return events >= at_least, said if events else f"{said}: no agent reported anything to this session"


def _agents(found: Counter[str], expected: Expectation) -> tuple[bool, str]:
    missing = [name for name in expected.harnesses if not found[HARNESSES.get(name, name)]]
    said = ", ".join(f"{count} of {agent}" for agent, count in sorted(found.items())) or "none of an agent"
    wanted = f" {expected.match} of" if len(expected.harnesses) > 1 else ""
    asked = f"; wanted:{wanted} {', '.join(expected.harnesses)}" if expected.harnesses else ""
    enough = len(missing) < len(expected.harnesses) if expected.match == "any" else not missing
    return enough or not expected.harnesses, f"events: {said}{asked}"
