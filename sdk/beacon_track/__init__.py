"""Telemetry for your own command-line tool: with consent, sanitized, without slowing or breaking it.

What is named here and the functions of `beacon_track.consent` are the API. Names are loaded when they are first used,
so that `import beacon_track` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from beacon_track.consent import Decision, decide, save_choice
    from beacon_track.flusher import flush
    from beacon_track.integrations.argparse import add_telemetry_parser
    from beacon_track.integrations.click import click_group
    from beacon_track.integrations.typer import typer_app
    from beacon_track.telemetry import Telemetry
    from beacon_track.tracked import Tracked

__all__ = [
    "Decision",
    "Telemetry",
    "Tracked",
    "__version__",
    "add_telemetry_parser",
    "click_group",
    "decide",
    "flush",
    "save_choice",
    "typer_app",
]

__version__ = "0.1.0"

_HOMES = {
    "Decision": "consent",
    "Telemetry": "telemetry",
    "Tracked": "tracked",
    "add_telemetry_parser": "integrations.argparse",
    "click_group": "integrations.click",
    "decide": "consent",
    "flush": "flusher",
    "save_choice": "consent",
    "typer_app": "integrations.typer",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
