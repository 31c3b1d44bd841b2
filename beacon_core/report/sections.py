"""The sections of the report's page: figures, drawings, and the tables that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from beacon_core.receipt import Receipt
from beacon_core.report import charts
from beacon_core.report.calls import ToolUse
from beacon_core.report.markup import Html, tag
from beacon_core.report.report import Report, redactions, sources, steps, tools, usage, usage_by_model
from beacon_core.report.session import Session
from beacon_core.report.summary import RUN_HEAD, run_cells, run_words
from beacon_core.report.usage import Tokens, Usage
from beacon_core.report.words import (
    agent_words,
    cost_words,
    counted_words,
    duration_words,
    listed_words,
    number_words,
    short_number_words,
    time_words,
)

#: Sessions and rows of a table that a page shows; the JSON has all.
MOST_SESSIONS, MOST_ROWS = 50, 100

Cell = str | Html
Row = Sequence[Cell]


def figures(report: Report) -> Html:
    """Return what matters most, in large figures."""
    within, used = report.sessions, usage(report.sessions)
    calls, failed = _calls(within)
    removed = sum(redactions(report).values())
    errors = sum(error.count for session in within for error in session.errors.values())
    prompts = sum(session.prompts for session in within)
    denied = sum(session.approvals["denied"] for session in within)
    cached = f"{100 * used.tokens.cache_read / used.tokens.total:.0f} % from cache" if used.tokens.total else ""
    tiles = [
        _figure("Cost", cost_words(used.cost_usd), "as reported" if used.cost_usd is not None else "not reported"),
        _figure("Tokens", short_number_words(used.tokens.total), cached),
        _figure("Model requests", number_words(used.requests), ", ".join(filter(None, usage_by_model(within)))),
        _figure("Tool calls", number_words(calls), f"{failed} failed, {denied} denied"),
        _figure("Errors", number_words(errors), f"in {counted_words(prompts, 'prompt')}", bad=errors > 0),
        _figure("Values redacted", number_words(removed), "before storing", good=removed > 0),
    ]
    return tag("dl", tiles, class_="figures")


def warnings(report: Report) -> Iterator[Html]:
    """Yield what a reader should know before believing the figures."""
    told = [
        tag("li", _code(each.source) if each.source else "", f" {each.message} ", each.session and f"({each.session})")
        for each in report.warnings()
    ]
    if told:
        yield tag("section", tag("h2", "Warnings"), tag("ul", told), class_="card warnings", role="note")


def usage_over_time(report: Report) -> Iterator[Html]:
    """Yield tokens and cost over time, by kind and by model."""
    used = usage(report.sessions)
    if not used.requests and not used.tokens.total:
        return
    over_time = steps(report.sessions)
    told = over_time.in_order()
    rows = [(time_words(start), *_token_cells(each.tokens), cost_words(each.cost_usd)) for start, each in told]
    by_model = [_model_row(model or "unknown", each) for model, each in usage_by_model(report.sessions).items()]
    yield card(
        "Tokens and cost",
        charts.composition(used.tokens),
        _legend(used.tokens),
        tag("div", charts.usage_over_time(told, over_time.width_unix_nano), class_="scroll") if told else "",
        _as_table("Tokens and cost over time", ("From (UTC)", *_TOKEN_HEAD, "Cost"), rows),
        table(("Model", "Requests", *_TOKEN_HEAD, "Cost"), by_model, numbers=range(1, 8)),
        _as_table("What every source told", _SOURCE_HEAD, _source_rows(report)),
    )


def overview(report: Report) -> Iterator[Html]:
    """Yield when the sessions ran; nothing where there is one."""
    if len(report.sessions) > 1:
        spans = [
            (agent_words(each.agent), each.id, each.start_unix_nano, each.end_unix_nano, each.outcome)
            for each in report.sessions[:MOST_SESSIONS]
        ]
        yield card("Sessions", charts.sessions(spans))


def runs(report: Report) -> Iterator[Html]:
    """Yield the sums of each run; nothing where there is one."""
    found = report.runs()
    if len(found) > 1:
        rows = [(run_words(run), *run_cells(within)) for run, within in found.items()]
        yield card("Runs", table(RUN_HEAD, rows, numbers=range(1, 6)))


def sessions(report: Report) -> Iterator[Html]:
    """Yield each session."""
    shown = report.sessions[:MOST_SESSIONS]
    yield from (_session(session, opened=len(shown) <= 3) for session in shown)  # noqa: PLR2004 - fit on a screen
    if len(report.sessions) > len(shown):
        yield tag("p", f"… and {len(report.sessions) - len(shown):,} more sessions", class_="note")


def used_tools(report: Report) -> Iterator[Html]:
    """Yield what was done with which tool."""
    found = tools(report.sessions)
    most = max((use.calls for use in found.values()), default=0)
    rows = [(_code(tool), _calls_bar(use, most), *_tool_numbers(use)) for tool, use in found.items()]
    if rows:
        head = ("Tool", "", "Calls", "Failed", "Denied", "Took")
        yield card("Tools", table(head, rows, numbers=range(2, 6)))


def removed(report: Report) -> Iterator[Html]:
    """Yield what `sanitize` removed, by rule."""
    found = redactions(report)
    most = max(found.values(), default=0)
    rows = [
        (_code(rule), charts.share([("secret", number)], most), number_words(number)) for rule, number in found.items()
    ]
    if rows:
        yield card("Redacted", table(("Rule", "", "Times"), rows, numbers=[2]))


def delivered(told: Receipt | None) -> Iterator[Html]:
    """Yield what became of the events."""
    if told is None:
        return
    head = ("Exporter", "", "Accepted", "Delivered", "Filtered", "Dropped", "Dead-lettered", "Queued")
    rows = []
    for name, each in told.exporters.items():
        accepted, lost = each.carried_over + each.accepted, sum(each.dropped.values())
        parts = [("good", each.delivered), ("muted", each.filtered), ("waits", each.queued)]
        parts += [("failed", lost + each.dead_lettered)]
        numbers = (accepted, each.delivered, each.filtered, lost, each.dead_lettered, each.queued)
        rows.append((_code(name), charts.share(parts, accepted), *map(number_words, numbers)))
    words = "Every event is accounted for." if told.balanced else "The receipt does not balance: please report this."
    yield card("Delivery", table(head, rows, numbers=range(2, 8)), tag("p", words, class_="note"))


# ---- one session ----


def _session(session: Session, *, opened: bool) -> Html:
    used = session.usage
    calls, failed = _calls([session])
    facts = [
        duration_words((session.end_unix_nano - session.start_unix_nano) // 1_000_000),
        counted_words(session.prompts, "prompt"),
        counted_words(calls, "tool call") + (f", {failed} failed" if failed else ""),
        f"{short_number_words(used.tokens.total)} tokens",
        cost_words(used.cost_usd) if used.cost_usd is not None else "",
    ]
    name = f"{agent_words(session.agent)} {session.version}".strip()
    summary = tag(
        "summary",
        tag("h2", name),
        _badge(session.outcome),
        tag("span", " · ".join(filter(None, facts)), class_="facts"),
    )
    models = ", ".join(filter(None, session.usage_by_model())) or "no model"
    line = f"Session {session.id or 'without an id'} · {models} · from {time_words(session.start_unix_nano)} UTC"
    made = ", ".join(revision[:12] for revision in sorted(session.commits))
    told = [listed_words("Files", session.operations), listed_words("Approvals", session.approvals)]
    told.append(f"Commits: {made}" if made else "")
    notes = [tag("p", words, class_="note") for words in (line, " · ".join(filter(None, told))) if words]
    parts = [notes, *_moments(session), *_lists(session)]
    return tag("details", summary, parts, class_="card session", open="" if opened else None)


def _moments(session: Session) -> Iterator[Html]:
    moments = session.timeline.in_order()
    if not moments:
        return
    yield tag("div", charts.timeline(moments, f"What happened in session {session.id}"), class_="scroll")
    seen = {each.kind for each in moments} | {_MARK_OF.get(each.outcome, "") for each in moments}
    marks = [kind for kind in _MARKS if kind in seen]
    yield tag("ul", [tag("li", tag("span", class_=f"swatch {kind}"), kind) for kind in marks], class_="legend")
    rows = [
        (
            duration_words((each.start_unix_nano - moments[0].start_unix_nano) // 1_000_000),
            each.kind,
            each.label,
            _code(each.detail),
            each.outcome,
            duration_words(each.duration_ms) if each.duration_ms else "",
        )
        for each in moments
    ]
    yield _as_table("What happened", ("After", "What", "Name", "Detail", "Outcome", "Took"), rows, most=len(rows))
    if session.timeline.left_out:
        yield tag("p", f"… and {session.timeline.left_out:,} moments after these", class_="note")


def _lists(session: Session) -> Iterator[Html]:
    commands = [
        (_code(line), number_words(each.runs), number_words(each.failures), duration_words(each.duration_ms))
        for line, each in session.commands.items()
    ]
    yield from _listed("Commands", ("Command", "Runs", "Failed", "Took"), commands, numbers=range(1, 4))
    files = [(_code(path), ", ".join(sorted(done))) for path, done in sorted(session.files.items())]
    yield from _listed("Files", ("File", "What was done"), files)
    errors = [(each.type, each.message, number_words(each.count)) for each in session.errors.values()]
    yield from _listed("Errors", ("Error", "Message", "Times"), errors, numbers=[2])
    denied = [
        (each.tool, _code(each.target), each.source, number_words(each.count)) for each in session.denials.values()
    ]
    yield from _listed("Denied", ("Tool", "What for", "By", "Times"), denied, numbers=[3])


# ---- pieces ----

_MARKS = ("prompt", "model", "command", "file", "tool", "failed", "denied")
_MARK_OF = {"failure": "failed", "timeout": "failed", "cancelled": "failed"}
_TOKEN_HEAD = tuple(charts.TOKEN_TITLES.values())
_SOURCE_HEAD = ("Source", "Counted", "Requests", *_TOKEN_HEAD, "Cost")


def card(title: str, *parts: Cell) -> Html:
    """Return a section with a title."""
    return tag("section", tag("h2", title), parts, class_="card")


def table(head: Sequence[str], rows: Sequence[Row], *, numbers: Iterable[int] = (), most: int = MOST_ROWS) -> Html:
    """Return a table; `numbers` are the columns to the right."""
    right = set(numbers)
    names = ["number" if column in right else None for column in range(len(head))]
    cells = [tag("th", name, scope="col", class_=kind) for name, kind in zip(head, names, strict=True)]
    body = [
        tag("tr", [tag("td", cell, class_=kind) for cell, kind in zip(row, names, strict=True)]) for row in rows[:most]
    ]
    grid = tag("table", tag("thead", tag("tr", cells)), tag("tbody", body))
    more = tag("p", f"… and {len(rows) - most:,} more", class_="note") if len(rows) > most else ""
    return tag("div", grid, more, class_="scroll", tabindex=0)


def _as_table(title: str, head: Sequence[str], rows: Sequence[Row], most: int = MOST_ROWS) -> Html:
    """Return the table that says what a drawing shows, for those who do not see it."""
    words = tag("summary", f"{title}, as a table")
    return tag("details", words, table(head, rows, most=most), class_="as-table")


def _listed(title: str, head: Sequence[str], rows: Sequence[Row], numbers: Iterable[int] = ()) -> Iterator[Html]:
    if rows:
        yield tag("h3", f"{title} ({len(rows)})")
        yield table(head, rows, numbers=numbers)


def _figure(name: str, value: str, more: str, *, bad: bool = False, good: bool = False) -> Html:
    kind = "figure bad" if bad else "figure good" if good else "figure"
    return tag("div", tag("dt", name), tag("dd", value), tag("dd", more, class_="more"), class_=kind)


def _legend(tokens: Tokens) -> Html:
    items = [
        tag("li", tag("span", class_=f"swatch {kind}"), f"{title} ", tag("b", number_words(getattr(tokens, kind))))
        for kind, title in charts.TOKEN_TITLES.items()
        if getattr(tokens, kind)
    ]
    return tag("ul", items, class_="legend")


def _badge(outcome: str) -> Html | str:
    kinds = {"success": "good", "failure": "bad", "timeout": "bad", "cancelled": "bad"}
    return tag("span", outcome, class_=f"badge {kinds.get(outcome, '')}".strip()) if outcome != "unknown" else ""


def _calls(within: Sequence[Session]) -> tuple[int, int]:
    used = [use for session in within for use in session.calls.tools.values()]
    return sum(use.calls for use in used), sum(use.failures for use in used)


def _calls_bar(use: ToolUse, most: int) -> Html:
    well = use.calls - use.failures - use.denied
    return charts.share([("good", well), ("failed", use.failures), ("denied", use.denied)], most)


def _tool_numbers(use: ToolUse) -> tuple[str, ...]:
    return (*map(number_words, (use.calls, use.failures, use.denied)), duration_words(use.duration_ms))


def _model_row(model: str, used: Usage) -> Row:
    return (_code(model), number_words(used.requests), *_token_cells(used.tokens), cost_words(used.cost_usd))


def _source_rows(report: Report) -> list[Row]:
    return [
        (_code(source.name), "yes" if source.counted else "no", *_model_row("", source.total())[1:])
        for source in sources(report.sessions)
    ]


def _token_cells(tokens: Tokens) -> list[str]:
    return [number_words(getattr(tokens, kind)) for kind in charts.TOKEN_TITLES]


def _code(text: str) -> Html:
    return tag("code", text)
