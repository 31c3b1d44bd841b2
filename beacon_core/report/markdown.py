"""The report as Markdown, for the step summary of a CI."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from beacon_core.receipt import Receipt
from beacon_core.report.calls import ToolUse
from beacon_core.report.delivery import ReceiptJson, delivery
from beacon_core.report.report import (
    Report,
    approvals,
    commands,
    commits,
    files,
    operations,
    redactions,
    sources,
    tools,
    usage,
    usage_by_model,
)
from beacon_core.report.session import Session
from beacon_core.report.summary import RUN_HEAD, run_cells, run_words
from beacon_core.report.usage import Tokens, Usage
from beacon_core.report.words import (
    agent_words,
    cost_words,
    counted_words,
    duration_words,
    listed_words,
    markdown_text,
    number_words,
    shortened_words,
    time_words,
)

#: GitHub takes a step summary of 1 MiB and shows nothing of a longer one.
MOST_BYTES = 1024 * 1024 - 1024

_MOST_ROWS = 30
_LONGEST_CELL = 160
_SHORT = 12  # of a revision

Cell = str
Row = tuple[Cell, ...]


def as_markdown(report: Report, receipt: ReceiptJson | None = None) -> str:
    """Return the report as Markdown of at most `MOST_BYTES` bytes, with tables of sessions, tools, tokens and cost ...

    Nothing in it that came from an event is read as Markdown or HTML. Equal input gives an equal text.

    Args:
        report: what was read.
        receipt: a decoded `receipt.json`; its figures become the last table.

    Raises:
        ValueError: `receipt` is not a receipt.
    """
    parts = [
        "## What the agents did",
        _summary(report),
        *_warnings(report),
        *_sessions(report),
        *_runs(report),
        *_models(report),
        *_sources(report),
        *_tools(report),
        *_commands(report),
        *_files(report),
        *_problems(report),
        *_redactions(report),
        *_delivery(delivery(receipt)),
    ]
    return _fitting(parts)


# ---- parts ----


def _summary(report: Report) -> str:
    sessions = report.sessions
    if not sessions:
        return "No event of an agent arrived."
    used = usage(sessions)
    made = commits(sessions)
    calls = sum(use.calls for use in tools(sessions).values())
    words = [
        counted_words(len(sessions), "session"),
        counted_words(sum(session.prompts for session in sessions), "prompt"),
        counted_words(calls, "tool call"),
        counted_words(used.tokens.total, "token"),
    ]
    if used.cost_usd is not None:
        words.append(f"{cost_words(used.cost_usd)} as reported")
    told = [
        listed_words("Files", operations(sessions)),
        listed_words("Approvals", approvals(sessions)),
        "Commits: " + ", ".join(_code(revision[:_SHORT]) for revision in made[:_MOST_ROWS]) if made else "",
    ]
    return f"**{' · '.join(words)}**\n\n{' · '.join(filter(None, told))}".rstrip()


def _warnings(report: Report) -> Iterator[str]:
    rows = [(each.message, _code(each.source) or "-", _code(each.session) or "-") for each in report.warnings()]
    yield from _table("Warnings", ("Warning", "Source", "Session"), rows)


def _sessions(report: Report) -> Iterator[str]:
    head = ("Agent", "Model", "Started (UTC)", "Took", "Prompts", "Tool calls", "Tokens", "Cost", "Outcome")
    rows = [_session_row(session) for session in report.sessions]
    yield from _table("Sessions", head, rows, numbers=range(4, 8))


def _runs(report: Report) -> Iterator[str]:
    found = report.runs()
    if len(found) > 1:
        rows = [(_code(run_words(run)), *run_cells(within)) for run, within in found.items()]
        yield from _table("Runs", RUN_HEAD, rows, numbers=range(1, 6))


def _session_row(session: Session) -> Row:
    used = session.usage
    models = ", ".join(model for model in session.usage_by_model() if model)
    return (
        f"{_agent(session.agent)} {_code(session.version)}".strip(),
        _code(models) if models else "-",
        time_words(session.start_unix_nano),
        duration_words((session.end_unix_nano - session.start_unix_nano) // 1_000_000),
        number_words(session.prompts),
        number_words(sum(use.calls for use in session.calls.tools.values())),
        number_words(used.tokens.total),
        cost_words(used.cost_usd),
        _OUTCOMES.get(session.outcome) or _code(session.outcome),
    )


_OUTCOMES = {"success": "✅ success", "failure": "❌ failure", "unknown": "-"}


def _models(report: Report) -> Iterator[str]:
    head = ("Model", "Requests", "Input", "Cache read", "Cache write", "Output", "Reasoning", "Cost")
    by_model = usage_by_model(report.sessions)
    rows = [_model_row(_code(model or "unknown"), used) for model, used in by_model.items()]
    if len(rows) > 1:
        rows.append(_model_row("**together**", usage(report.sessions)))
    yield from _table("Tokens and cost", head, rows, numbers=range(1, 8))
    if rows:
        yield "<sub>No token is in two columns. Cost is the agents' own estimate.</sub>"


def _model_row(name: Cell, used: Usage) -> Row:
    return (name, number_words(used.requests), *token_cells(used.tokens), cost_words(used.cost_usd))


def _sources(report: Report) -> Iterator[str]:
    head = ("Source", "Counted", "Requests", "Input", "Cache read", "Cache write", "Output", "Reasoning", "Cost")
    rows = [
        (_code(source.name), "yes" if source.counted else "no", *_model_row("", source.total())[1:])
        for source in sources(report.sessions)
    ]
    yield from _folded("What every source told", head, rows, numbers=range(2, 9))


def token_cells(tokens: Tokens) -> tuple[str, ...]:
    """Return the kinds of tokens for people, in their order."""
    kinds = (tokens.uncached_input, tokens.cache_read, tokens.cache_creation, tokens.output, tokens.reasoning)
    return tuple(map(number_words, kinds))


def _tools(report: Report) -> Iterator[str]:
    rows = [_tool_row(tool, use) for tool, use in tools(report.sessions).items()]
    yield from _table("Tools", ("Tool", "Calls", "Failed", "Denied", "Took"), rows, numbers=range(1, 5))


def _tool_row(tool: str, use: ToolUse) -> Row:
    numbers = (use.calls, use.failures, use.denied)
    return (_code(tool), *map(number_words, numbers), duration_words(use.duration_ms))


def _commands(report: Report) -> Iterator[str]:
    rows = [
        (_code(line), number_words(command.runs), number_words(command.failures), duration_words(command.duration_ms))
        for line, command in commands(report.sessions).items()
    ]
    yield from _folded("Commands", ("Command", "Runs", "Failed", "Took"), rows, numbers=range(1, 4))


def _files(report: Report) -> Iterator[str]:
    rows = [
        (_code(path), ", ".join(f"{operation} {number}x" for operation, number in sorted(done.items())))
        for path, done in files(report.sessions).items()
    ]
    yield from _folded("Files", ("File", "What was done"), rows)


def _problems(report: Report) -> Iterator[str]:
    denied = [
        (_code(denial.tool), _code(denial.target), _code(denial.source) or "-", number_words(denial.count))
        for session in report.sessions
        for denial in session.denials.values()
    ]
    yield from _table("Denied", ("Tool", "What for", "By", "Times"), denied, numbers=[3])
    errors = [
        (_code(error.type) or "-", _code(error.message) or "-", number_words(error.count))
        for session in report.sessions
        for error in session.errors.values()
    ]
    yield from _table("Errors", ("Error", "Message", "Times"), errors, numbers=[2])


def _redactions(report: Report) -> Iterator[str]:
    rows = [(_code(rule), number_words(number)) for rule, number in redactions(report).items()]
    yield from _table("Redacted", ("Rule", "Times"), rows, numbers=[1])


def _delivery(told: Receipt | None) -> Iterator[str]:
    if told is None:
        return
    head = ("Exporter", "Accepted", "Delivered", "Filtered", "Dropped", "Dead-lettered", "Queued")
    rows = []
    for name, each in told.exporters.items():
        accepted = each.carried_over + each.accepted
        gone = (each.delivered, each.filtered, sum(each.dropped.values()), each.dead_lettered, each.queued)
        rows.append((_code(name), *map(number_words, (accepted, *gone))))
    yield from _table("Delivery", head, rows, numbers=range(1, 7))
    if not told.balanced:
        yield "**The receipt does not balance.** That is a bug in Beacon, please report it."


# ---- Markdown ----


def _table(title: str, head: Row, rows: Sequence[Row], *, numbers: Collection[int] = ()) -> Iterator[str]:
    if rows:
        yield f"### {title}\n\n{_grid(head, rows, numbers)}"


def _folded(title: str, head: Row, rows: Sequence[Row], *, numbers: Collection[int] = ()) -> Iterator[str]:
    """Yield a table that a reader unfolds."""
    if rows:
        grid = _grid(head, rows, numbers)
        yield f"<details><summary>{title} ({len(rows)})</summary>\n\n{grid}\n\n</details>"


def _grid(head: Row, rows: Sequence[Row], numbers: Collection[int]) -> str:
    rule = tuple("---:" if column in numbers else "---" for column in range(len(head)))
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        lines.append(f"\n… and {len(rows) - _MOST_ROWS:,} more")
    return "\n".join(lines)


def _code(text: str) -> Cell:
    """Return a text of unknown origin for a cell: in `code`, where nobody is mentioned and nothing is linked."""
    return f"<code>{markdown_text(shortened_words(text, _LONGEST_CELL))}</code>" if text else ""


def _agent(name: str) -> Cell:
    words = agent_words(name)
    return _code(name) if words == name else words


def _fitting(parts: list[str]) -> str:
    """Return parts as one text; those that would make it too long are left out."""
    note = "… more was left out: this summary would be too long"
    kept, room = [], MOST_BYTES - len(note.encode()) - 2
    for part in parts:
        room -= len(part.encode()) + 2
        if room < 0:
            kept.append(note)
            break
        kept.append(part)
    return "\n\n".join(kept) + "\n"
