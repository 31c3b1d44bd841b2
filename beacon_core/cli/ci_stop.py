"""`beacon ci stop`, also called `finish`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.ci_options import location_options, switch
from beacon_core.cli.ci_outcome import ending, ending_options, tell, write_outcome

if TYPE_CHECKING:
    from beacon_core.ci.directories import Places
    from beacon_core.ci.session import Session

EPILOG = """\b
Exit code 0 also where nothing runs, unless --require-telemetry is given. 1: no telemetry came, or the process cannot
be proved to be the session's.
\b
Examples:
  beacon ci stop
  beacon ci stop --require-telemetry=false --keep-artifacts=false
  beacon ci stop --harness-match any --min-events 10 --json
"""


@click.command(epilog=EPILOG, short_help="End a session: deliver, validate, receipt.")
@location_options
@ending_options
@switch("--require-telemetry", "Fail if none came. Default: true where a session was started.")
@click.option("--spool-dir", metavar="DIR", type=click.Path(path_type=Path), help="As in `beacon ci start`.")
@click.option("--env-file", metavar="FILE", type=click.Path(path_type=Path), help="As in `beacon ci start`.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def stop(
    *, places: Places, require_telemetry: bool | None, as_json: bool, outcome_file: Path | None, **options: Any
) -> None:
    """End a session: deliver what is queued, print the receipt, and check that telemetry came."""
    from beacon_core.ci.directories import of_session  # noqa: PLC0415 - the help needs none of it
    from beacon_core.ci.session import read_session  # noqa: PLC0415
    from beacon_core.ci.starting import recognized  # noqa: PLC0415
    from beacon_core.ci.stopping import finish  # noqa: PLC0415

    session = read_session(places.state)
    if session is None or session.stopped_at is not None:
        _nothing_to_stop(places, session, required=bool(require_telemetry), as_json=as_json)
        return
    required = require_telemetry is not False
    github_env = os.environ.get("GITHUB_ENV")
    how = ending(
        of_session(places, session),
        harnesses=session.harnesses,
        required=required,
        github_env=Path(github_env) if github_env else None,
        **options,
    )
    outcome = finish(session, recognized(session), how)
    written = write_outcome(outcome_file, outcome)
    tell(outcome, as_json=as_json)
    sys.exit(exit_codes.FAILED if (outcome.failed and required) or not written else 0)


def _nothing_to_stop(places: Places, session: Session | None, *, required: bool, as_json: bool) -> None:
    said = (
        f"there is no session in {places.base}"
        if session is None
        else f"the session in {places.base} was stopped at {session.stopped_at}"
    )
    if as_json:
        result = "fail" if required and session is None else "warn"
        click.echo(json.dumps({"result": result, "notices": [said]}, indent=2))
    click.echo(f"beacon: {said}; nothing to stop", err=True)
    if required and session is None:
        sys.exit(exit_codes.FAILED)
