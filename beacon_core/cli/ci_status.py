"""`beacon ci status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from beacon_core.cli.ci_options import location_options

if TYPE_CHECKING:
    from beacon_core.ci.directories import Places

EPILOG = """\b
Exit code 0: a session runs. 1: none does.
\b
Examples:
  beacon ci status
  beacon ci status --base-dir /tmp/agents --json
"""


@click.command(epilog=EPILOG, short_help="Say whether a session runs.")
@location_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, places: Places, as_json: bool) -> None:
    """Say whether a session runs, since when, and where it takes telemetry."""
    from dataclasses import asdict  # noqa: PLC0415 - the help needs none of it

    from beacon_core.ci.session import read_session  # noqa: PLC0415
    from beacon_core.ci.starting import sidecar_of  # noqa: PLC0415

    session = read_session(places.state)
    running = session is not None and session.stopped_at is None and sidecar_of(session).is_running()
    word = "running" if running else "none" if session is None else "stopped" if session.stopped_at else "ended"
    if as_json:
        click.echo(json.dumps({"status": word, "session": asdict(session) if session else None}, indent=2))
    elif session is None:
        click.echo(f"no session in {places.base}")
    else:
        told = {"running": f"runs as process {session.pid}", "stopped": f"was stopped at {session.stopped_at}"}
        ended = "has ended without `beacon ci stop`; that delivers what is queued"
        click.echo(f"the session in {session.base_dir} of {session.started_at} {told.get(word, ended)}")
        if running:
            click.echo("\n".join(f"{name}: {url}" for name, url in session.endpoints.items()))
