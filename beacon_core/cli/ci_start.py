"""`beacon ci start`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.cli.ci_options import session_options

if TYPE_CHECKING:
    from beacon_core.ci.starting import Request, Started

EPILOG = """\b
The agents' environment goes to later steps by GITHUB_ENV where there is one, by --env-file, or by --print-env.
\b
Examples:
  beacon ci start --harness claude
  beacon ci start --forward splunk --forward-endpoint https://splunk.example:8088
  eval "$(beacon ci start --print-env sh)"
  beacon ci start --pipeline pipeline.yaml --env-file agents.env
"""


@click.command(epilog=EPILOG, short_help="Start a session beside the job.")
@session_options
@click.option(
    "--env-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the agents' environment to a dotenv file, too, as GitLab's reports are.",
)
@click.option(
    "--print-env",
    type=click.Choice(["sh", "dotenv", "json"]),
    help="Print the agents' environment, for a shell to evaluate or as data.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the session's state as JSON.")
def start(*, request: Request, env_file: Path | None, print_env: str | None, as_json: bool) -> None:
    """Start a session beside the job and return as soon as it accepts telemetry; `beacon ci stop` ends it."""
    if print_env and as_json:
        raise click.UsageError("--print-env and --json both print; take one of them")
    from dataclasses import replace  # noqa: PLC0415 - the help needs none of it

    from beacon_core.ci import starting  # noqa: PLC0415
    from beacon_core.ci.interrupts import InterruptedStartError, watching  # noqa: PLC0415

    github_env = os.environ.get("GITHUB_ENV")
    request = replace(request, env_file=env_file, github_env=Path(github_env) if github_env else None)
    with watching() as interrupts:
        try:
            started = starting.start(request, os.environ, interrupts, held=False)
        except InterruptedStartError as error:
            click.echo(f"beacon: {error}; nothing was started", err=True)
            sys.exit(128 + error.number)
        _report(started, print_env, as_json=as_json)


def _report(started: Started, print_env: str | None, *, as_json: bool) -> None:
    session = started.session
    if as_json:
        from dataclasses import asdict  # noqa: PLC0415

        click.echo(json.dumps(asdict(session), indent=2))
    elif print_env:
        from beacon_core.ci.exports import as_text  # noqa: PLC0415

        text = as_text(started.environment, print_env)  # type: ignore[arg-type]
        click.echo(text.encode("utf-8", "surrogateescape"), nl=False)
    for warning in started.environment.warnings:
        click.echo(f"beacon: {warning}", err=True)
    addresses = ", ".join(session.endpoints.values())
    click.echo(f"beacon: session started, {addresses}, files in {session.base_dir}", err=True)
