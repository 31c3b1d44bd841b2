"""An application of click."""

from __future__ import annotations

import click
from settings import BARE, act, telemetry

from beacon_track import click_group


@click.group()
@click.option("--verbose", is_flag=True)
def cli(verbose: bool) -> None:
    pass


@cli.group()
def env() -> None:
    pass


@env.command()
@click.option("--name", "-n")
@click.option("--count", type=int)
@click.argument("what", default="")
def claim(name: str, count: int, what: str) -> None:
    code = act(what)
    if code:
        click.get_current_context().exit(code)


cli.add_command(click_group(telemetry))
if not BARE:
    telemetry.instrument(cli)
cli()
