"""An application of typer."""

from __future__ import annotations

import typer
from settings import BARE, act, telemetry

from beacon_track import typer_app

app = typer.Typer(pretty_exceptions_enable=False)
env = typer.Typer()
app.add_typer(env, name="env")
app.add_typer(typer_app(telemetry))


@app.callback()
def root(verbose: bool = False) -> None:
    pass


@env.command()
def claim(what: str = typer.Argument(""), name: str = typer.Option("", "--name", "-n"), count: int = 0) -> None:
    code = act(what)
    if code:
        raise typer.Exit(code)


if not BARE:
    telemetry.instrument(app)
app()
