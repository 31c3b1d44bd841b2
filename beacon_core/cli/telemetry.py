"""`beacon telemetry`."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from beacon_core.cli import exit_codes

if TYPE_CHECKING:
    from beacon_track.consent import Decision

_APP = re.compile(r"[a-z0-9_-][a-z0-9._-]*")

EPILOG = """\b
For applications that use beacon-track, of which each may have commands of its own for this, too.
DO_NOT_TRACK=1 in the environment switches all of them off, and beats every choice.
\b
Examples:
  beacon telemetry status
  beacon telemetry disable acme
  beacon telemetry status acme --json
"""


class Status(TypedDict):
    """What counts for an application, and why.

    Attributes:
        app: its name.
        enabled: whether it may collect anything; None where nothing is chosen: then its own default counts.
        consent: the saved choice: `granted`, `denied` or `none`.
        source: what decides: a variable of the environment, `saved`, or `default`.
        token_configured: None; only the application itself knows.
    """

    app: str
    enabled: bool | None
    consent: str
    source: str
    token_configured: None


def _app(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _APP.fullmatch(value):
        raise click.BadParameter("a name has lower-case letters, digits, '.', '_' and '-' only, such as 'acme'")
    return value


application = click.argument("app", callback=_app)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(epilog=EPILOG)
def telemetry() -> None:
    """Show, allow or deny the telemetry of applications that use beacon-track."""


@telemetry.command()
@click.argument("app", required=False, callback=_app)
@as_json_option
def status(app: str | None, as_json: bool) -> None:
    """Show whether an application may collect telemetry, and why; of all that are known here if none is named."""
    _require_beacon_track()
    found = [status_of(name) for name in ([app] if app is not None else known_applications())]
    if as_json:
        click.echo(json.dumps(found[0] if app is not None else found))
        return
    for each in found:
        click.echo(_in_words(each))
    if not found:
        click.echo("no application has asked, or was told, anything here", err=True)


@telemetry.command()
@application
@as_json_option
def enable(app: str, as_json: bool) -> None:
    """Allow the telemetry of an application."""
    _choose(app, True, as_json)


@telemetry.command()
@application
@as_json_option
def disable(app: str, as_json: bool) -> None:
    """Deny the telemetry of an application, and delete what it has not sent."""
    _choose(app, False, as_json)


def _choose(app: str, enabled: bool, as_json: bool) -> None:
    _require_beacon_track()
    from beacon_track import consent  # noqa: PLC0415 - may be missing

    try:
        consent.save_choice(app, enabled)
    except OSError as error:
        where = consent.choice_file(app)
        click.echo(f"beacon: the choice cannot be saved: {where}: {error.strerror or 'not writable'}", err=True)
        sys.exit(exit_codes.FAILED)
    now = status_of(app)
    if enabled and not now["enabled"]:
        click.echo(f"saved, but {now['source']} in the environment switches telemetry off all the same", err=True)
    click.echo(json.dumps(now) if as_json else _in_words(now))


def status_of(app: str) -> Status:
    """Return what counts for an application, as the application itself would decide it."""
    from beacon_track import consent  # noqa: PLC0415 - may be missing

    decision: Decision = consent.decide(app, "opt-out")
    certain = decision.enabled == consent.decide(app, "opt-in").enabled
    return Status(
        app=app,
        enabled=decision.enabled if certain else None,
        consent=decision.consent,
        source=decision.source,
        token_configured=None,
    )


def known_applications() -> list[str]:
    """Return the names of the applications that have left a choice, or anything else, in the user's folders."""
    from beacon_track import places  # noqa: PLC0415 - may be missing

    names: set[str] = set()
    for directory in (places.config_directory, places.state_directory):
        path = Path(directory("app"))
        parent = path.parent if path.name == "app" else path.parent.parent
        if parent.is_dir():
            names |= {entry.name for entry in parent.iterdir() if entry.is_dir() and _APP.fullmatch(entry.name)}
    return sorted(names)


def _in_words(status: Status) -> str:
    on: Any = {True: "on", False: "off", None: "as its author decided, since nothing is chosen"}
    why = {"saved": "you have chosen so", "default": ""}.get(status["source"], f"{status['source']} is set")
    return f"{status['app']}: {on[status['enabled']]}{f': {why}' if why else ''}"


def _require_beacon_track() -> None:
    if importlib.util.find_spec("beacon_track") is None:
        click.echo("beacon: this needs beacon-track, which is not installed: pip install beacon-track", err=True)
        sys.exit(exit_codes.UNAVAILABLE)
