"""The one place where whatever goes wrong with telemetry ends: never in the command."""

from __future__ import annotations

from beacon_track import debug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


def quietly(function: Callable[..., None], *arguments: object) -> None:
    """Call a function; what it raises is at most told with `BEACON_DEBUG=1`. Interrupts of the user pass."""
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - telemetry never breaks a command
        debug.say(f"failed: {type(error).__name__} in {getattr(function, '__qualname__', 'a hook')}")
