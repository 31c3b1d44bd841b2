"""A command-line tool with telemetry: `acme env claim`, `acme env list`, and `acme telemetry status|enable|disable`."""

from __future__ import annotations

from pathlib import Path

import click

from beacon_track import Telemetry, click_group

telemetry = Telemetry(
    app="acme",
    version="1.0.0",
    pipeline=Path(__file__).with_name("acme.yaml"),
    # A client token of Datadog can only write, so everybody may have it. This one is made up.
    token="pub00000000000000000000000000000000",
)


@click.group()
def cli() -> None:
    """Environments for everybody."""


@cli.group()
def env() -> None:
    """Work with environments."""


@env.command("list")
def list_() -> None:
    """List environments."""
    click.echo("staging")


@env.command()
@click.option("--name", default="staging", help="Which one.")
def claim(name: str) -> None:
    """Claim an environment."""
    with telemetry.step("reserve"):
        click.echo(f"{name} is yours")


cli.add_command(click_group())
telemetry.instrument(cli)

if __name__ == "__main__":
    cli(prog_name="acme")
