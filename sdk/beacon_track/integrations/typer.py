"""The hook for typer, and `telemetry status|enable|disable` as an application of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperGroup

from beacon_track import commands
from beacon_track.integrations.commands import UNTRACKED, follow
from beacon_track.quiet import quietly
from beacon_track.telemetry import Telemetry

if TYPE_CHECKING:
    from typing import Any


def instrument(telemetry: Telemetry, app: Any) -> None:
    """Record what an application of typer is called for, where telemetry is allowed; again, it does nothing.

    Typer makes its commands anew at every call. So the application gets a class that has them record.
    """
    kind = type(app)
    if not telemetry.enabled or hasattr(app, "__beacon_track__"):
        return

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        quietly(_prepare, telemetry, self)
        return kind.__call__(self, *args, **kwargs)

    app.__class__ = type(kind.__name__, (kind,), {"__call__": call, "__beacon_track__": True})


def typer_app(telemetry: Telemetry | None = None) -> typer.Typer:
    """Return the commands about telemetry, by default that made last: `app.add_typer(typer_app())`."""
    telemetry = telemetry or Telemetry.latest()
    group = type("TelemetryGroup", (TyperGroup,), {UNTRACKED: True})
    app = typer.Typer(name="telemetry", help=commands.HELP, cls=group, no_args_is_help=True)
    for name, text in commands.COMMANDS.items():
        app.command(name, help=text)(_command(telemetry, name))
    return app


def _command(telemetry: Telemetry, name: str) -> Any:
    def run(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
        code = commands.run(telemetry, name, as_json, typer.echo, partial(typer.echo, err=True))
        if code:
            raise typer.Exit(code)

    return run


def _prepare(telemetry: Telemetry, app: Any) -> None:
    """Give the classes that record to whatever will be the root command: a group, or the only command."""
    for owner in (app.info, app.registered_callback):
        if owner is not None and not hasattr(owner.cls, "__beacon_track__"):
            chosen = owner.cls if isinstance(owner.cls, type) else None
            if owner is app.info or chosen is not None:
                owner.cls = _recording(telemetry, chosen or TyperGroup)
    if len(app.registered_commands) == 1:
        only = app.registered_commands[0]
        if not hasattr(only.cls, "__beacon_track__"):
            only.cls = _recording(telemetry, only.cls or TyperCommand)


def _recording(telemetry: Telemetry, base: Any) -> Any:
    def main(self: Any, *args: Any, **kwargs: Any) -> Any:
        return follow(telemetry, self, partial(base.main, self), args, kwargs)

    return type(base.__name__, (base,), {"main": main, "__beacon_track__": True})
