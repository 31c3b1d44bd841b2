"""Hooks for frameworks, which never import one that the application has not imported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from beacon_track.telemetry import Telemetry

    Cli = TypeVar("Cli")


def instrument(telemetry: Telemetry, cli: Cli) -> Cli:
    """Record the commands of an application of click or typer, and return it.

    Raises:
        TypeError: it is something else.
    """
    homes = {kind.__module__.partition(".")[0] for kind in type(cli).__mro__}
    if "typer" in homes and not hasattr(cli, "make_context"):
        from beacon_track.integrations import typer

        typer.instrument(telemetry, cli)
    elif hasattr(cli, "make_context") and hasattr(cli, "main"):
        from beacon_track.integrations import commands

        commands.instrument(telemetry, cli)
    else:
        raise TypeError(
            f"{type(cli).__name__}: a command of click, or typer.Typer; for argparse there is telemetry.run"
        )
    return cli
