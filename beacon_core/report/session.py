"""One session of an agent: what its events add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from beacon_core.report.bounded import OTHERS, bounded, shortened
from beacon_core.report.calls import DENIED, FAILED, Call, Calls, Echoes, rank
from beacon_core.report.record import Record, counts, text, whole
from beacon_core.report.run import Run
from beacon_core.report.timeline import Moment, Steps, Timeline
from beacon_core.report.usage import Sources, Usage, added, model_of

_MOST_COMMANDS, _MOST_FILES, _MOST_ERRORS, _MOST_DENIED, _MOST_NAMES = 200, 500, 50, 100, 100
_LONGEST_DETAIL = 500

#: Actions that are calls of a tool.
_CALLS = {
    *("tool.invoked", "tool.completed", "tool.failed", "command.executed", "mcp.tool_invoked"),
    *("file.read", "file.created", "file.modified"),
}
#: Canonical operations on files, and what a report calls them.
_OPERATIONS = {"read": "read", "create": "created", "modify": "modified", "delete": "deleted"}
_OPERATION_OF = {"file.read": "read", "file.created": "created", "file.modified": "modified"}
#: Whether and how a session has ended, as far as it is read.
_NOT, _WITH_ERROR, _WITH_EVENT = range(3)
_KINDS = {"command": "command", "file": "file", "mcp": "mcp"}


@dataclass(slots=True)
class Command:
    """A command line that the agent ran.

    Attributes:
        runs: how often.
        failures: how often it failed.
        exit_code: that of its last run that told one.
        duration_ms: how long its runs took together.
    """

    runs: int = 0
    failures: int = 0
    exit_code: int | None = None
    duration_ms: int = 0

    def add(self, other: Command) -> None:
        """Add another one's numbers."""
        self.runs += other.runs
        self.failures += other.failures
        self.duration_ms += other.duration_ms
        self.exit_code = self.exit_code if other.exit_code is None else other.exit_code


@dataclass(slots=True)
class Denial:
    """A call that was not allowed, how often, and who said so."""

    tool: str
    target: str
    source: str
    count: int = 0


@dataclass(slots=True)
class Failure:
    """An error of the session itself, such as one of the model's API; those of tools are the tools'.

    Attributes:
        type: what kind of error: a status code or a class.
        message: what it says.
        count: how often.
        first_unix_nano: when it came first.
    """

    type: str
    message: str
    count: int = 0
    first_unix_nano: int = 0


@dataclass(slots=True)
class Session:
    """One session of an agent in one run. Its memory does not grow with its events beyond bounds.

    Attributes:
        agent: the agent's canonical name.
        id: the session's; empty for what an agent tells of no session.
        run: the run that it was in.
        version: the agent's.
        events: how many.
        start_unix_nano: when its first event happened; 0 if it has none.
        end_unix_nano: when its last one ended.
        prompts: how many were submitted.
        outcome: success, failure, ... as its end says; `failure` if it ended with an error; else `unknown`.
        calls: the calls of tools.
        commands: by command line.
        files: by path: how often read, created, modified, deleted.
        operations: how often files were read, created ..., also where no path is known.
        approvals: how often something was allowed, denied, requested.
        denials: what was denied.
        errors: what went wrong.
        redactions: what `sanitize` removed, by rule.
        truncated: events of which something was cut.
        commits: what the agent committed.
        sources: usage.
        timeline: moments.
        steps: usage over time.
    """

    agent: str
    id: str
    run: Run
    version: str = ""
    events: int = 0
    start_unix_nano: int = 0
    end_unix_nano: int = 0
    prompts: int = 0
    outcome: str = "unknown"
    calls: Calls = field(default_factory=Calls)
    commands: dict[str, Command] = field(default_factory=dict)
    files: dict[str, Counter[str]] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    approvals: Counter[str] = field(default_factory=Counter)
    denials: dict[tuple[str, str, str], Denial] = field(default_factory=dict)
    errors: dict[tuple[str, str], Failure] = field(default_factory=dict)
    redactions: Counter[str] = field(default_factory=Counter)
    truncated: int = 0
    commits: Counter[str] = field(default_factory=Counter)
    sources: Sources = field(default_factory=Sources)
    timeline: Timeline = field(default_factory=Timeline)
    steps: Steps = field(default_factory=Steps)
    _echoes: Echoes = field(default_factory=Echoes)
    _ended: int = 0
    _measured: tuple[int, int] = (0, 0)

    def add(self, record: Record) -> None:
        """Take an event of this session."""
        self.events += 1
        attributes, action = record.attributes, record.action
        self.version = self.version or shortened(text(attributes, "beacon.agent.version"))
        for rule, number in counts(attributes.get("beacon.redacted")).items():
            self.redactions[bounded(rule, self.redactions, _MOST_NAMES)] += number
        self.truncated += attributes.get("beacon.truncated") is True
        self._extend(record)
        self._add_usage(record)
        if record.signal == "metric":
            return
        if action in _CALLS:
            self._add_call(record, action)
        elif record.signal == "log":
            self._add_event(record, action)

    def settle(self) -> None:
        """Finish: call it once, when all events are read."""
        self.sources.settle()
        self.calls.settle()
        if not self.start_unix_nano:
            self.start_unix_nano, self.end_unix_nano = self._measured

    @property
    def is_measured_only(self) -> bool:
        """Whether it has nothing but metrics."""
        return not self.start_unix_nano

    def take(self, other: Session) -> None:
        """Take the metrics of another one, which is measured only."""
        self.events += other.events
        self.redactions.update(other.redactions)
        self.sources.take(other.sources)
        for start, usage in other.steps.in_order():
            self.steps.add(start, usage)

    @property
    def usage(self) -> Usage:
        """What was used, of the sources that count."""
        return added(usage for source in self.sources.all() if source.counted for usage in source.models.values())

    def usage_by_model(self) -> dict[str, Usage]:
        """Return what was used, by model, of the sources that count."""
        found: dict[str, Usage] = {}
        for source in self.sources.all():
            if source.counted:
                for model, usage in source.models.items():
                    found.setdefault(model, Usage()).add(usage)
        return dict(sorted(found.items()))

    # ---- what an event is ----

    def _extend(self, record: Record) -> None:
        start, end = record.time_unix_nano, record.end_unix_nano
        if record.signal == "metric":  # sent now and then, and at the very end: only a hint
            first, last = self._measured
            self._measured = (min(first or start, start), max(last, end))
            return
        self.start_unix_nano = min(self.start_unix_nano or start, start)
        self.end_unix_nano = max(self.end_unix_nano, end)

    def _add_usage(self, record: Record) -> None:
        usage = self.sources.add(record)
        if usage is None:
            return
        self.steps.add(record.time_unix_nano, usage)
        model = model_of(record)
        if record.signal != "metric":
            begin = record.time_unix_nano - (usage.duration_ms * 1_000_000 if record.signal == "log" else 0)
            self.timeline.add(Moment(begin, usage.duration_ms, "model", shortened(model)))
            if self._ended == _WITH_ERROR:
                self.outcome, self._ended = "unknown", _NOT

    def _add_event(self, record: Record, action: str) -> None:
        if action == "prompt.submitted":
            if self._echoes.repeats(action, "", time=record.time_unix_nano, source=_source(record), call_id=""):
                return
            self.prompts += 1
            detail = shortened(text(record.attributes, "beacon.prompt.text"), _LONGEST_DETAIL)
            self.timeline.add(Moment(record.time_unix_nano, 0, "prompt", "prompt", detail=detail))
        elif action.startswith("approval."):
            self._add_approval(record)
        elif action == "session.error":
            self._add_error(record)
        elif action == "session.completed":
            self.outcome, self._ended = _outcome(record) or self.outcome, _WITH_EVENT
            self.timeline.add(Moment(record.time_unix_nano, 0, "session", "session completed", self.outcome))

    def _add_call(self, record: Record, action: str) -> None:
        attributes = record.attributes
        outcome, call_id = _outcome(record), text(attributes, "gen_ai.tool.call.id")
        call, target = self.calls.get(_tool(record), call_id), _target(record)
        if self._echoes.repeats(action, target, time=record.time_unix_nano, source=_source(record), call_id=call_id):
            call.first("call")  # it has been counted, without its id
            return
        if action.startswith("file.") and not (outcome or call_id):  # told of a file, not of a call
            self._add_file(record, action)
            return
        duration = _duration(record)
        self.calls.count(call, rank(outcome), duration)
        self._decide(record, call)
        if outcome:
            self._add_end(record, action, call, outcome=outcome, duration=duration)

    def _add_end(self, record: Record, action: str, call: Call, *, outcome: str, duration: int) -> None:
        """Take what came of a call, once."""
        if action == "command.executed" and call.first("command"):
            self._add_command(record, outcome, duration)
        if action.startswith("file.") and outcome == "success" and call.first("file"):
            self._add_file(record, action)
        revision = text(record.attributes, "beacon.commit.revision")
        if revision:
            self.commits[bounded(revision, self.commits, _MOST_NAMES)] += call.first("commit")
        if call.first("moment"):
            begin = record.time_unix_nano - (duration * 1_000_000 if record.signal == "log" else 0)
            kind = _KINDS.get(action.partition(".")[0], "tool")
            self.timeline.add(Moment(begin, duration, kind, call.tool, outcome, _target(record)))

    # ---- what of it is kept ----

    def _add_command(self, record: Record, outcome: str, duration: int) -> None:
        line = text(record.attributes, "process.command_line") or text(record.attributes, "process.executable.name")
        line = bounded(line or "(command line not told)", self.commands, _MOST_COMMANDS)
        command = self.commands.setdefault(line, Command())
        command.runs += 1
        command.failures += rank(outcome) == FAILED
        command.duration_ms += duration
        code = whole(record.attributes, "process.exit.code")
        command.exit_code = command.exit_code if code is None else code

    def _add_file(self, record: Record, action: str) -> None:
        operation = _OPERATIONS.get(text(record.attributes, "beacon.file.operation"), _OPERATION_OF[action])
        self.operations[operation] += 1
        path = text(record.attributes, "file.path")
        if path:
            path = bounded(path, self.files, _MOST_FILES)
            self.files.setdefault(path, Counter())[operation] += 1

    def _add_approval(self, record: Record) -> None:
        attributes, call_id = record.attributes, text(record.attributes, "gen_ai.tool.call.id")
        denied = record.action == "approval.denied"
        call = self.calls.get(_tool(record), call_id)
        if denied:
            self.calls.count(call, DENIED)
        if self._decide(record, call, record.action.partition(".")[2]) and denied:
            key = (call.tool, shortened(_target(record)), shortened(text(attributes, "beacon.approval.source")))
            self.timeline.add(Moment(record.time_unix_nano, 0, "denied", call.tool, "denied", key[1]))
            key = key if key in self.denials or len(self.denials) < _MOST_DENIED else (OTHERS, "", "")
            self.denials.setdefault(key, Denial(*key)).count += 1

    def _decide(self, record: Record, call: Call, said: str = "") -> bool:
        """Count a decision about a call, once; return whether this is the first time that it is told."""
        decision = said or text(record.attributes, "beacon.approval.decision")
        if decision not in {"allowed", "denied", "requested"} or not call.first(decision):
            return False
        self.approvals[decision] += 1
        return True

    def _add_error(self, record: Record) -> None:
        attributes = record.attributes
        key = (shortened(text(attributes, "error.type")), shortened(text(attributes, "error.message")))
        source = f"{text(attributes, 'beacon.source')} {text(attributes, 'beacon.source.event')}"
        if self._echoes.repeats("session.error", "\0".join(key), time=record.time_unix_nano, source=source, call_id=""):
            return
        key = key if key in self.errors or len(self.errors) < _MOST_ERRORS else (OTHERS, "")
        failure = self.errors.setdefault(key, Failure(*key, first_unix_nano=record.time_unix_nano))
        failure.count += 1
        self.timeline.add(Moment(record.time_unix_nano, 0, "error", key[0] or "error", "failure", key[1]))
        if self._ended != _WITH_EVENT:
            self.outcome, self._ended = "failure", _WITH_ERROR


def _source(record: Record) -> str:
    """Return which source tells a record; a log record and standard output tell the same a second time."""
    return text(record.attributes, "beacon.source") or record.signal


def _outcome(record: Record) -> str:
    return shortened(text(record.attributes, "beacon.outcome"))


def _tool(record: Record) -> str:
    """Return a tool's name; MCP servers have tools of the same name."""
    tool = text(record.attributes, "gen_ai.tool.name") or "(unnamed)"
    server = text(record.attributes, "beacon.mcp.server.name")
    return f"{server}/{tool}" if server else tool


def _target(record: Record) -> str:
    """Return what a call was about: the command line, the path, or the tool itself."""
    attributes = record.attributes
    found = text(attributes, "process.command_line") or text(attributes, "file.path")
    return shortened(found, _LONGEST_DETAIL) if found else _tool(record)


def _duration(record: Record) -> int:
    """Return milliseconds, 0 if unknown."""
    told = whole(record.attributes, "beacon.duration_ms")
    return (record.end_unix_nano - record.time_unix_nano) // 1_000_000 if told is None else told
