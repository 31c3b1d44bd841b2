"""`beacon ci validate`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from beacon_core.ci.harnesses import HARNESSES
from beacon_core.cli import exit_codes
from beacon_core.cli.ci_options import location_options, switch
from beacon_core.cli.ci_outcome import expectation_options, tell_validation

if TYPE_CHECKING:
    from beacon_core.ci.directories import Places

EPILOG = """\b
The stages, in order, up to the first that fails: runtime_log_exists, runtime_log_parseable, event_count,
harness_events. Only what was written since the session's start counts; without a session the whole log does.
\b
Exit code 0: ok, or a warning. 1: a stage failed.
\b
Examples:
  beacon ci validate
  beacon ci validate --min-events 10 --json
  beacon ci validate --log-path out/agents.jsonl --harness claude --harness codex --harness-match any
"""


@click.command(epilog=EPILOG, short_help="Check that a session's telemetry came.")
@location_options
@expectation_options
@click.option(
    "--harness",
    "harnesses",
    multiple=True,
    type=click.Choice([*HARNESSES]),
    help="The agent whose events have to be there; repeatable. Default: those of the session.",
)
@switch("--require-telemetry", "false: a stage that fails is a warning.", default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def validate(
    *, places: Places, harnesses: tuple[str, ...], require_telemetry: bool, as_json: bool, **expected: Any
) -> None:
    """Check that a session's telemetry came, while it runs or after it was stopped."""
    from pathlib import Path  # noqa: PLC0415 - the help needs none of it

    from beacon_core.ci.session import read_session  # noqa: PLC0415
    from beacon_core.ci.validation import Expectation  # noqa: PLC0415
    from beacon_core.ci.validation import validate as check  # noqa: PLC0415

    session = read_session(places.state)
    log, offset = (Path(session.log_path), session.log_offset) if session else (places.log, 0)
    asked = harnesses or tuple(session.harnesses if session else ())
    found = check(log, offset, Expectation(harnesses=asked, required=require_telemetry, **expected))
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    tell_validation(found)
    sys.exit(exit_codes.FAILED if found.result == "fail" else 0)
