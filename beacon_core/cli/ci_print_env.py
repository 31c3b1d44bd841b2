"""`beacon ci print-env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.ci.harnesses import HARNESSES
from beacon_core.cli.ci_options import location_options

if TYPE_CHECKING:
    from beacon_core.ci.directories import Places
    from beacon_core.ci.exports import TextFormat
    from beacon_core.ci.session import Session
    from beacon_core.ci.variables import ContentLevel

EPILOG = """\b
What is not said is that of the session in the base directory, if one runs there. For Codex a folder is made there.
What the job has set is kept or overridden as the reference page about the environment of agents says.
\b
Examples:
  eval "$(beacon ci print-env)"
  beacon ci print-env --harness claude --harness codex --endpoint http://127.0.0.1:4318
  beacon ci print-env --format dotenv --content metadata > agents.env
"""
DEFAULT_ENDPOINT = "http://127.0.0.1:4318"


@click.command("print-env", epilog=EPILOG, short_help="Print the environment that agents need.")
@location_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["sh", "dotenv", "json"]),
    default="sh",
    show_default=True,
    help="For a shell to evaluate, as lines NAME=value, or as data.",
)
@click.option(
    "--harness",
    "harnesses",
    multiple=True,
    type=click.Choice([*HARNESSES]),
    help="The agent that is to report; repeatable. Default: those of the session, else claude.",
)
@click.option(
    "--endpoint",
    metavar="URL",
    help=f"Where Beacon takes OTLP over HTTP. Default: that of the session, else {DEFAULT_ENDPOINT}.",
)
@click.option(
    "--content",
    type=click.Choice(["metadata", "redacted", "full"]),
    help="How much the agents are asked for. Default: that of the session, else redacted.",
)
@click.option("--traces", is_flag=True, help="Ask the agents for spans, too.")
@click.option("--debug", is_flag=True, help="Have agents report on stderr what they cannot send.")
def print_env(
    *,
    places: Places,
    form: TextFormat,
    harnesses: tuple[str, ...],
    endpoint: str | None,
    content: ContentLevel | None,
    traces: bool,
    debug: bool,
) -> None:
    """Print the environment variables with which agents send their telemetry to Beacon; nothing is started."""
    from beacon_core.ci.directories import prepare_agents  # noqa: PLC0415 - the help needs none of it
    from beacon_core.ci.environment import agent_environment  # noqa: PLC0415
    from beacon_core.ci.exports import as_text  # noqa: PLC0415
    from beacon_core.ci.session import read_session  # noqa: PLC0415

    session = read_session(places.state)
    if session is not None and session.stopped_at is not None:
        session = None
    harnesses = harnesses or (tuple(session.harnesses) if session else ()) or ("claude",)
    if "codex" in harnesses:
        prepare_agents(places)
    environment = agent_environment(
        harnesses,
        endpoint or (session.endpoints.get("http") if session else None) or DEFAULT_ENDPOINT,
        base=os.environ,
        content=content or _content_of(session),
        run_attributes=_run_of(session),
        base_dir=places.agents,
        traces=traces,
        debug=debug,
    )
    for warning in environment.warnings:
        click.echo(f"beacon: {warning}", err=True)
    click.echo(as_text(environment, form).encode("utf-8", "surrogateescape"), nl=False)


def _content_of(session: Session | None) -> ContentLevel:
    known: tuple[ContentLevel, ...] = ("metadata", "redacted", "full")
    return next((level for level in known if session is not None and level == session.content), "redacted")


def _run_of(session: Session | None) -> dict[str, str]:
    """Return the attributes of the run, under the id that the session's sidecar gives to what it takes."""
    from beacon_core.ci.run import run_attributes  # noqa: PLC0415 - the help needs none of it

    run_id = session.run.get("id") if session else os.environ.get("BEACON_RUN_ID")
    return run_attributes(os.environ, run_id=run_id or os.urandom(16).hex(), directory=Path.cwd())
