"""The report as JSON; `docs/reference/report.md` has the members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import msgspec

from beacon_core.report.calls import ToolUse
from beacon_core.report.delivery import ReceiptJson, delivery
from beacon_core.report.report import Report, approvals, operations, redactions, tools, usage, usage_by_model
from beacon_core.report.run import RUN_MEMBERS, Run
from beacon_core.report.session import Session
from beacon_core.report.timeline import Moment
from beacon_core.report.usage import TOKEN_KINDS, Source, Tokens, Usage

#: Version of the document: a new major number when a member changes its meaning; new members may come at any time.
SCHEMA_VERSION = "1.0"

#: A JSON value under a name.
JsonObject = dict[str, Any]

_COST_DECIMALS = 9


def as_json(report: Report, receipt: ReceiptJson | None = None) -> JsonObject:
    """Return the report as JSON values; equal input gives an equal document.

    Args:
        report: what was read.
        receipt: a decoded `receipt.json`; its figures become the member `delivery`.

    Raises:
        ValueError: `receipt` is not a receipt.
    """
    sessions = report.sessions
    told = delivery(receipt)
    return {
        "schema_version": SCHEMA_VERSION,
        "input": {
            "events": report.events,
            "damaged_lines": report.damaged,
            "repeated_events": report.repeated,
            "events_before_since": report.before,
            "other_events": dict(sorted(report.others.items())),
        },
        "totals": _totals(sessions) | {"redactions": redactions(report)},
        "runs": [{**_run(run), **_totals(within)} for run, within in report.runs().items()],
        "models": [{"model": model} | _usage(each) for model, each in usage_by_model(sessions).items()],
        "tools": _tools(tools(sessions)),
        "sessions": [_session(session) for session in sessions],
        "warnings": [asdict(warning) for warning in report.warnings()],
        "delivery": None if told is None else msgspec.to_builtins(told),
    }


def cost(value: Decimal | None) -> float | None:
    """Return US dollars as a JSON number: the sum is exact, the number the nearest there is."""
    return None if value is None else float(round(value, _COST_DECIMALS))


def _totals(sessions: list[Session]) -> JsonObject:
    used = [use for session in sessions for use in session.calls.tools.values()]
    return {
        "sessions": len(sessions),
        "start_unix_nano": min((session.start_unix_nano for session in sessions), default=0),
        "end_unix_nano": max((session.end_unix_nano for session in sessions), default=0),
        "prompts": sum(session.prompts for session in sessions),
        "tool_calls": sum(use.calls for use in used),
        "tool_failures": sum(use.failures for use in used),
        "tool_denied": sum(use.denied for use in used),
        "commands": sum(command.runs for session in sessions for command in session.commands.values()),
        "files": dict(sorted(operations(sessions).items())),
        "approvals": dict(sorted(approvals(sessions).items())),
        "errors": sum(error.count for session in sessions for error in session.errors.values()),
        "usage": _usage(usage(sessions)),
    }


def _session(session: Session) -> JsonObject:
    return {
        "id": session.id,
        "agent": session.agent,
        "agent_version": session.version,
        "run": _run(session.run),
        "outcome": session.outcome,
        "start_unix_nano": session.start_unix_nano,
        "end_unix_nano": session.end_unix_nano,
        "duration_ms": (session.end_unix_nano - session.start_unix_nano) // 1_000_000,
        "events": session.events,
        "prompts": session.prompts,
        "models": [{"model": model} | _usage(each) for model, each in session.usage_by_model().items()],
        "usage": _usage(session.usage),
        "usage_sources": [_source(source) for source in session.sources.all()],
        "tools": _tools(session.calls.tools),
        "commands": [{"command": line} | asdict(command) for line, command in session.commands.items()],
        "files": [{"path": path} | dict(sorted(done.items())) for path, done in sorted(session.files.items())],
        "file_operations": dict(sorted(session.operations.items())),
        "commits": sorted(session.commits),
        "approvals": dict(sorted(session.approvals.items())),
        "denied": [asdict(denial) for denial in session.denials.values()],
        "errors": [asdict(error) for error in session.errors.values()],
        "redactions": dict(sorted(session.redactions.items())),
        "truncated_events": session.truncated,
        "timeline": {
            "moments": [_moment(moment) for moment in session.timeline.in_order()],
            "left_out": session.timeline.left_out,
        },
        "usage_over_time": {
            "step_ms": session.steps.width_unix_nano // 1_000_000,
            "steps": [{"start_unix_nano": start} | _usage(each) for start, each in session.steps.in_order()],
        },
    }


def _run(run: Run) -> JsonObject:
    return {member: value for member in RUN_MEMBERS if (value := getattr(run, member))}


def _usage(each: Usage) -> JsonObject:
    return {
        "requests": each.requests,
        "tokens": _tokens(each.tokens),
        "cost_usd": cost(each.cost_usd),
        "duration_ms": each.duration_ms,
    }


def _tokens(tokens: Tokens) -> JsonObject:
    return {kind: getattr(tokens, kind) for kind in TOKEN_KINDS} | {"total": tokens.total}


def _source(source: Source) -> JsonObject:
    return {"source": source.name, "signal": source.signal, "counted": source.counted} | _usage(source.total())


def _tools(used: Mapping[str, ToolUse]) -> list[JsonObject]:
    return [{"tool": tool} | asdict(use) for tool, use in used.items()]


def _moment(moment: Moment) -> JsonObject:
    return {name: value for name, value in asdict(moment).items() if value != "" or name == "label"}
