"""Options of the commands that end a session, and how they tell what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from beacon_core.cli.ci_options import seconds, switch

if TYPE_CHECKING:
    from beacon_core.ci.directories import Places
    from beacon_core.ci.stopping import Ending, Outcome
    from beacon_core.ci.validation import Validation

Command: TypeAlias = Callable[..., None]


def expectation_options(command: Command) -> Command:
    """Add what a validation asks for: `--min-events` and `--harness-match`."""
    for option in (
        click.option(
            "--harness-match",
            "match",
            type=click.Choice(["all", "any"]),
            default="all",
            show_default=True,
            help="With several agents: every one has to have reported, or any.",
        ),
        click.option(
            "--min-events",
            type=click.IntRange(0),
            default=1,
            show_default=True,
            help="How many events the session has to have at least.",
        ),
    ):
        command = option(command)
    return command


def ending_options(command: Command) -> Command:
    """Add what the commands that end a session have."""
    for option in (
        click.option(
            "--report",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Write what the agents did as one HTML file.",
        ),
        click.option(
            "--outcome",
            "outcome_file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Write the outcome as JSON: result, validation, receipt, notices.",
        ),
        switch("--keep-artifacts", "Leave the session's files. false: delete those that Beacon wrote.", default=True),
        click.option(
            "--grace",
            metavar="DURATION",
            default="10s",
            show_default=True,
            callback=seconds,
            help="How long the exporters may go on delivering at the end.",
        ),
    ):
        command = option(command)
    return expectation_options(command)


def ending(places: Places, *, harnesses: list[str], required: bool, **options: Any) -> Ending:
    """Return how a session is to end, from the options above and the job's environment."""
    from beacon_core.ci.stopping import Ending  # noqa: PLC0415 - the help needs none of it
    from beacon_core.ci.validation import Expectation  # noqa: PLC0415

    expected = Expectation(
        harnesses=harnesses, match=options.pop("match"), min_events=options.pop("min_events"), required=required
    )
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return Ending(places=places, expected=expected, step_summary=Path(summary) if summary else None, **options)


def write_outcome(path: Path | None, outcome: Outcome) -> bool:
    """Write the outcome as JSON, if that was asked for; say so if it cannot be, and return whether it is there."""
    from beacon_core.files import write_private  # noqa: PLC0415 - the help needs none of it

    if path is None:
        return True
    try:
        write_private(path, f"{json.dumps(outcome.as_json(), indent=2)}\n".encode())
    except OSError as error:
        click.echo(f"beacon: {path} cannot be written: {error.strerror}", err=True)
        return False
    return True


def tell(outcome: Outcome, *, as_json: bool, on_stderr: bool = False) -> None:
    """Print the outcome: as JSON if asked for; the receipt and what is to be known on stderr.

    Args:
        outcome: how the session ended.
        as_json: print it as JSON.
        on_stderr: print that on stderr as well, and nothing else.
    """
    if as_json:
        click.echo(json.dumps(outcome.as_json(), indent=2), err=on_stderr)
        if on_stderr:
            return
    if outcome.receipt is not None:
        from beacon_core.ci.summary import receipt_table  # noqa: PLC0415 - the help needs none of it

        click.echo(receipt_table(outcome.receipt), err=True)
    tell_validation(outcome.validation)
    if not outcome.clean:
        click.echo("beacon: the sidecar did not end in an orderly way", err=True)
    if outcome.spooled is not None:
        click.echo(
            f"beacon: {outcome.queued} events are in {outcome.spooled};"
            f" deliver them with: beacon run --drain {outcome.spooled.parent}",
            err=True,
        )
    for notice in outcome.notices:
        click.echo(f"beacon: {notice}", err=True)


def tell_validation(validation: Validation) -> None:
    """Print what failed, or that nothing did, on stderr."""
    last = validation.stages[-1]
    if validation.result == "ok":
        click.echo(f"beacon: validation ok, {last.evidence}", err=True)
    else:
        word = {"warn": "warning", "fail": "failed"}[validation.result]
        click.echo(f"beacon: validation {word}: {last.name}: {last.evidence}", err=True)
