"""Telemetry for your own command-line tool: with consent, sanitized, without slowing or breaking it.

What is named here and the functions of `beacon_track.consent` are the API. Names are loaded when they are first used,
so that `import beacon_track` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from beacon_track.consent import Decision, decide, save_choice

__all__ = ["Decision", "__version__", "decide", "save_choice"]

__version__ = "0.1.0"

_HOMES = {"Decision": "consent", "decide": "consent", "save_choice": "consent"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
