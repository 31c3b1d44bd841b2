"""The report as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from beacon_core.receipt import Receipt
from beacon_core.report.delivery import ReceiptJson, delivery
from beacon_core.report.report import (
    Report,
    approvals,
    commands,
    commits,
    files,
    operations,
    redactions,
    tools,
    usage,
    usage_by_model,
)
from beacon_core.report.session import Session
from beacon_core.report.summary import RUN_HEAD, run_cells, run_words
from beacon_core.report.usage import TOKEN_KINDS, Usage
from beacon_core.report.words import (
    agent_words,
    cost_words,
    counted_words,
    duration_words,
    listed_words,
    number_words,
    printable,
    shortened_words,
    time_words,
)

_MOST_ROWS = 20
_LONGEST_CELL = 72

Row = Sequence[str]


def as_text(report: Report, receipt: ReceiptJson | None = None) -> str:
    """Return the report as tables for a terminal, without colours; what came from events moves no cursor.

    Args:
        report: what was read.
        receipt: a decoded `receipt.json`; its figures become the last table.

    Raises:
        ValueError: `receipt` is not a receipt.
    """
    tables = (_sessions, _runs, _models, _tools, _notes, _lists)
    parts = [*(part for made in tables for part in made(report)), *_delivery(delivery(receipt))]
    warnings = [printable(f"warning: {each.source} {each.message} {each.session}") for each in report.warnings()]
    return "\n\n".join([*parts, *(["\n".join(warnings)] if warnings else [])] or ["no events"]) + "\n"


def _sessions(report: Report) -> Iterator[str]:
    head = ("SESSION", "AGENT", "STARTED (UTC)", "TOOK", "PROMPTS", "TOOLS", "TOKENS", "COST", "OUTCOME")
    rows = [_session_row(session) for session in report.sessions]
    yield from _table(head, rows, numbers=range(3, 8))


def _session_row(session: Session) -> Row:
    used = session.usage
    return (
        session.id or "-",
        f"{agent_words(session.agent)} {session.version}".strip(),
        time_words(session.start_unix_nano),
        duration_words((session.end_unix_nano - session.start_unix_nano) // 1_000_000),
        number_words(session.prompts),
        number_words(sum(use.calls for use in session.calls.tools.values())),
        number_words(used.tokens.total),
        cost_words(used.cost_usd),
        session.outcome,
    )


def _runs(report: Report) -> Iterator[str]:
    found = report.runs()
    if len(found) > 1:
        rows = [(run_words(run), *run_cells(within)) for run, within in found.items()]
        yield from _table([name.upper() for name in RUN_HEAD], rows, numbers=range(1, 6))


def _models(report: Report) -> Iterator[str]:
    head = ("MODEL", "REQUESTS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "REASONING", "COST")
    rows = [_model_row(model or "unknown", used) for model, used in usage_by_model(report.sessions).items()]
    if len(rows) > 1:
        rows.append(_model_row("together", usage(report.sessions)))
    yield from _table(head, rows, numbers=range(1, 8))


def _model_row(name: str, used: Usage) -> Row:
    tokens = [number_words(getattr(used.tokens, kind)) for kind in TOKEN_KINDS]
    return (name, number_words(used.requests), *tokens, cost_words(used.cost_usd))


def _tools(report: Report) -> Iterator[str]:
    rows = [
        (tool, *map(number_words, (use.calls, use.failures, use.denied)), duration_words(use.duration_ms))
        for tool, use in tools(report.sessions).items()
    ]
    yield from _table(("TOOL", "CALLS", "FAILED", "DENIED", "TOOK"), rows, numbers=range(1, 5))


def _notes(report: Report) -> Iterator[str]:
    told = (listed_words("files", operations(report.sessions)), listed_words("approvals", approvals(report.sessions)))
    made = ", ".join(map(printable, commits(report.sessions)[:_MOST_ROWS]))
    if lines := [*filter(None, told), *([f"commits: {made}"] if made else [])]:
        yield "\n".join(lines)


def _lists(report: Report) -> Iterator[str]:
    within = report.sessions
    ran = [(line, number_words(each.runs), number_words(each.failures)) for line, each in commands(within).items()]
    yield from _table(("COMMAND", "RUNS", "FAILED"), ran, numbers=[1, 2])
    touched = [(path, ", ".join(sorted(done))) for path, done in files(within).items()]
    yield from _table(("FILE", "WHAT WAS DONE"), touched)
    denied = [
        (each.tool, each.target, each.source or "-", number_words(each.count))
        for session in within
        for each in session.denials.values()
    ]
    yield from _table(("DENIED", "WHAT FOR", "BY", "TIMES"), denied, numbers=[3])
    errors = [
        (each.type or "-", each.message or "-", number_words(each.count))
        for session in within
        for each in session.errors.values()
    ]
    yield from _table(("ERROR", "MESSAGE", "TIMES"), errors, numbers=[2])
    removed = [(rule, number_words(number)) for rule, number in redactions(report).items()]
    yield from _table(("REDACTED", "TIMES"), removed, numbers=[1])


def _delivery(told: Receipt | None) -> Iterator[str]:
    if told is None:
        return
    rows = []
    for name, each in told.exporters.items():
        numbers = (each.carried_over + each.accepted, each.delivered, each.filtered, sum(each.dropped.values()))
        rows.append((name, *map(number_words, (*numbers, each.dead_lettered, each.queued))))
    head = ("EXPORTER", "ACCEPTED", "DELIVERED", "FILTERED", "DROPPED", "DEAD-LETTERED", "QUEUED")
    yield from _table(head, rows, numbers=range(1, 7))
    if not told.balanced:
        yield "warning: the receipt does not balance; that is a bug in Beacon, please report it"


def _table(head: Row, rows: Sequence[Row], *, numbers: Sequence[int] = ()) -> Iterator[str]:
    if not rows:
        return
    cells = [head, *([shortened_words(cell, _LONGEST_CELL) for cell in row] for row in rows[:_MOST_ROWS])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    if len(rows) > _MOST_ROWS:
        lines.append(f"... and {counted_words(len(rows) - _MOST_ROWS, 'row')} more")
    yield "\n".join(lines)
