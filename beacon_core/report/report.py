"""The report: what agents did, with which tools, and what it took, over all sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from beacon_core.report.calls import ToolUse
from beacon_core.report.run import Run
from beacon_core.report.session import Command, Session
from beacon_core.report.timeline import Steps
from beacon_core.report.usage import Source, Usage, added
from beacon_core.report.words import counted_words


@dataclass(slots=True)
class Report:
    """What is in a file or queue. Made by `read_report` and `report_on`; immutable by convention.

    Attributes:
        events: how many were read.
        damaged: lines that are no event, such as one that was half written; they are left out.
        repeated: events that came once more; they are left out.
        before: events from before the time that was asked for; they are left out.
        sessions: by their beginning.
        others: events that are of no agent, by name.
        redactions: what `sanitize` removed from these others, by rule.
    """

    events: int = 0
    damaged: int = 0
    repeated: int = 0
    before: int = 0
    sessions: list[Session] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    redactions: Counter[str] = field(default_factory=Counter)

    def runs(self) -> dict[Run, list[Session]]:
        """Return the sessions by run, in the order of their beginning."""
        found: dict[Run, list[Session]] = {}
        for session in self.sessions:
            found.setdefault(session.run, []).append(session)
        return found

    def warnings(self) -> list[ReportWarning]:
        """Return what a reader should know before believing the figures."""
        return list(_warnings(self))


@dataclass(frozen=True, slots=True)
class ReportWarning:
    """Something that makes figures doubtful.

    Attributes:
        code: what it is, for programs.
        message: what it is, for people.
        session: the session's id; empty if it is about no session.
        source: the source of usage that it is about; empty if it is about none.
    """

    code: str
    message: str
    session: str = ""
    source: str = ""


def usage_by_model(sessions: list[Session]) -> dict[str, Usage]:
    """Return what sessions used, by model."""
    found: dict[str, Usage] = {}
    for session in sessions:
        for model, usage in session.usage_by_model().items():
            found.setdefault(model, Usage()).add(usage)
    return dict(sorted(found.items()))


def tools(sessions: list[Session]) -> dict[str, ToolUse]:
    """Return what sessions did with tools, the most used first."""
    found: dict[str, ToolUse] = {}
    for session in sessions:
        for tool, use in session.calls.tools.items():
            found.setdefault(tool, ToolUse()).add(use)
    return dict(sorted(found.items(), key=lambda item: (-item[1].calls, item[0])))


def commands(sessions: list[Session]) -> dict[str, Command]:
    """Return what sessions ran, by command line."""
    found: dict[str, Command] = {}
    for session in sessions:
        for line, command in session.commands.items():
            found.setdefault(line, Command()).add(command)
    return found


def files(sessions: list[Session]) -> dict[str, Counter[str]]:
    """Return what sessions did with files, by path."""
    found: dict[str, Counter[str]] = {}
    for session in sessions:
        for path, done in session.files.items():
            found.setdefault(path, Counter()).update(done)
    return dict(sorted(found.items()))


def operations(sessions: list[Session]) -> Counter[str]:
    """Return how often sessions read, created, modified, deleted files."""
    return sum((session.operations for session in sessions), Counter())


def approvals(sessions: list[Session]) -> Counter[str]:
    """Return how often something was allowed, denied, requested."""
    return sum((session.approvals for session in sessions), Counter())


def commits(sessions: list[Session]) -> list[str]:
    """Return what sessions committed."""
    return sorted({revision for session in sessions for revision in session.commits})


def usage(sessions: list[Session]) -> Usage:
    """Return what sessions used together."""
    return added(session.usage for session in sessions)


def steps(sessions: list[Session]) -> Steps:
    """Return what sessions used over time."""
    found = Steps()
    for session in sessions:
        for start, used in session.steps.in_order():
            found.add(start, used)
    return found


def sources(sessions: list[Session]) -> list[Source]:
    """Return what every source told over all sessions, those that count first."""
    found: dict[tuple[bool, str, str], Source] = {}
    for session in sessions:
        for each in session.sources.all():
            key = (not each.counted, each.name, each.signal)
            into = found.setdefault(key, Source(each.name, each.signal, each.counted, each.closing))
            into.models.setdefault("", Usage()).add(each.total())
    return [found[key] for key in sorted(found)]


def redactions(report: Report) -> dict[str, int]:
    """Return what `sanitize` removed, by rule, the most frequent first."""
    total = Counter(report.redactions)
    for session in report.sessions:
        total.update(session.redactions)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _warnings(report: Report) -> Iterator[ReportWarning]:
    if report.damaged:
        yield ReportWarning("damaged_lines", f"{counted_words(report.damaged, 'line')} left out: not an event")
    if report.events and not report.sessions:
        yield ReportWarning(
            "no_sessions",
            "no event is of an agent; a pipeline with the processor canonicalize says which agent an event is of",
        )
    for session in report.sessions:
        yield from _session_warnings(session)


def _session_warnings(session: Session) -> Iterator[ReportWarning]:
    told = session.sources.all()
    if told and not any(source.counted for source in told):
        for source in told:
            yield ReportWarning(
                "usage_not_counted", "no source that counts told of tokens; this one did", session.id, source.name
            )
        return
    for source in session.sources.differing():
        yield ReportWarning(
            "usage_differs", "tells other tokens or cost than the sources that count", session.id, source.name
        )
