"""The sums of a run in words: one line of a table, the same in every form of a report."""

from __future__ import annotations

from collections.abc import Sequence

from beacon_core.report.report import tools, usage
from beacon_core.report.run import Run
from beacon_core.report.session import Session
from beacon_core.report.words import cost_words, number_words

#: Above `run_words` and `run_cells`.
RUN_HEAD = ("Run", "Sessions", "Prompts", "Tool calls", "Tokens", "Cost")


def run_words(run: Run) -> str:
    """Return what people call a run; not printable as it is."""
    name = " / ".join(filter(None, (run.pipeline, run.task)))
    return " ".join(filter(None, (name, run.id, run.attempt and f"attempt {run.attempt}"))) or "no run"


def run_cells(sessions: Sequence[Session]) -> tuple[str, ...]:
    """Return the sums of the sessions of a run."""
    within = list(sessions)
    used = usage(within)
    prompts = sum(session.prompts for session in within)
    calls = sum(use.calls for use in tools(within).values())
    return (*map(number_words, (len(within), prompts, calls, used.tokens.total)), cost_words(used.cost_usd))
