"""`telemetry status|enable|disable` as a group of click."""

from __future__ import annotations

from functools import partial

import click

from beacon_track import commands
from beacon_track.integrations.commands import UNTRACKED
from beacon_track.telemetry import Telemetry


def click_group(telemetry: Telemetry | None = None) -> click.Group:
    """Return the commands about telemetry, by default that made last: `cli.add_command(click_group())`."""
    telemetry = telemetry or Telemetry.latest()
    group = click.Group("telemetry", help=commands.HELP)
    for name, text in commands.COMMANDS.items():
        option = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")
        group.add_command(click.Command(name, callback=partial(_run, telemetry, name), params=[option], help=text))
    setattr(group, UNTRACKED, True)
    return group


def _run(telemetry: Telemetry, command: str, as_json: bool) -> None:
    code = commands.run(telemetry, command, as_json, click.echo, partial(click.echo, err=True))
    if code:
        click.get_current_context().exit(code)
