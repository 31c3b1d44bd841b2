"""`beacon ci exec`."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.ci_options import session_options
from beacon_core.cli.ci_outcome import ending, ending_options, tell, write_outcome

if TYPE_CHECKING:
    from beacon_core.ci.executing import Execution
    from beacon_core.ci.starting import Request

EPILOG = """\b
The exit code is the command's: 126 or 127 if it cannot be started, 128 + n if signal n ended it. What becomes of the
telemetry changes it only with --strict: then it is 1 where it would have been 0.
\b
Examples:
  beacon ci exec -- claude -p 'Fix the tests'
  beacon ci exec --stream-json -- claude -p 'Fix the tests'
  beacon ci exec --harness claude --forward datadog --forward-site datadoghq.eu -- ./review.sh
  beacon ci exec --pipeline pipeline.yaml --strict --report run.html -- codex exec 'Add tests'
"""


@click.command(
    "exec",
    epilog=EPILOG,
    short_help="Wrap one command in a session.",
    context_settings={"allow_interspersed_args": False},
)
@session_options
@ending_options
@click.option(
    "--stream-json",
    "streamed",
    is_flag=True,
    help="Have the agent print its stream, and take that as well; stdout stays as it comes, byte for byte.",
)
@click.option("--strict", is_flag=True, help="Fail where the telemetry does; do not run the command without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, on stderr: stdout is the command's.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(
    *,
    request: Request,
    streamed: bool,
    strict: bool,
    as_json: bool,
    outcome_file: Path | None,
    command: tuple[str, ...],
    **how: Any,
) -> None:
    """Wrap one command in a session: run it with the agents' environment, deliver, validate, print the receipt."""
    from beacon_core.ci.command import PASSED_ON  # noqa: PLC0415 - the help needs none of it
    from beacon_core.ci.executing import Execution, with_agent  # noqa: PLC0415
    from beacon_core.ci.interrupts import InterruptedStartError, watching  # noqa: PLC0415

    request = with_agent(request, command)
    with watching(*PASSED_ON) as interrupts:
        execution = Execution(request, command, os.environ, interrupts, _say, streamed)
        failed = True
        try:
            failed = _run(execution, how, as_json=as_json, outcome_file=outcome_file, strict=strict)
        except InterruptedStartError as error:
            execution.say(f"{error}; the command was not started")
            sys.exit(128 + error.number)
        finally:
            if execution.code is not None:  # the command has run: even a bug of ours changes nothing (P9)
                _end(execution.code or (exit_codes.FAILED if strict and failed else 0))
    sys.exit(exit_codes.FAILED)


def _say(text: str) -> None:
    """Tell the user; that nobody reads it any more keeps no command from running (P9)."""
    with suppress(OSError):
        click.echo(f"beacon: {text}", err=True)


def _end(code: int) -> NoReturn:
    """End with a code, whatever has happened and whether or not anybody reads of it."""
    with suppress(OSError):
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the interpreter would try again, and end with 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _run(execution: Execution, how: dict[str, Any], *, as_json: bool, outcome_file: Path | None, strict: bool) -> bool:
    """Run the command; return whether something is wrong with its telemetry."""
    started = execution.start()
    if started is None and strict:
        return True
    if started is None:
        execution.run(None)
        return True
    for warning in started.environment.warnings:
        execution.say(warning)
    execution.run(started)
    places = execution.request.places
    outcome = execution.finish(started, ending(places, harnesses=started.session.harnesses, required=strict, **how))
    written = write_outcome(outcome_file, outcome)
    tell(outcome, as_json=as_json, on_stderr=True)
    return outcome.failed or outcome.incomplete or not written
