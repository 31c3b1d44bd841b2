"""What is known of a destination from earlier attempts: when to try again, and how many events it has refused."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HOLD, DROPPED = "hold.json", "dropped.json"
#: How long a destination is left alone at most, whatever it asks for; in seconds.
LONGEST_HOLD = 24 * 3600.0


def on_hold(directory: str, variables: Mapping[str, str]) -> bool:
    """Return whether a destination is to be left alone for now; another one than that which failed is not."""
    found = _read(directory, HOLD)
    until = found.get("until")
    left = until - time.time() if isinstance(until, (int, float)) else 0.0
    return found.get("destination") == destination_id(variables) and 0 < left <= LONGEST_HOLD


def hold(directory: str, variables: Mapping[str, str], seconds: float) -> None:
    """Leave a destination alone for as long as it has asked for."""
    until = round(time.time() + min(seconds, LONGEST_HOLD))
    if seconds > 0:
        _write(directory, HOLD, {"destination": destination_id(variables), "until": until})


def release(directory: str) -> None:
    """Forget that a destination was to be left alone: it has taken something."""
    try:
        os.unlink(os.path.join(directory, HOLD))
    except OSError:
        pass


def count_dropped(directory: str, events: int, status: int) -> None:
    """Add to the number of events that a destination has refused for good; `telemetry status` shows it."""
    _write(directory, DROPPED, {"events": dropped(directory) + events, "last_status": status})


def dropped(directory: str) -> int:
    """Return how many events were refused for good."""
    events = _read(directory, DROPPED).get("events")
    return events if isinstance(events, int) else 0


def destination_id(variables: Mapping[str, str]) -> str:
    """Return what tells an application's few destinations apart."""
    named = variables.get("BEACON_TRACK_ENDPOINT") or variables.get("BEACON_TRACK_PIPELINE", "")
    import zlib  # hashlib takes milliseconds to import

    return f"{zlib.crc32(named.encode('utf-8', 'surrogatepass')):08x}"


def _read(directory: str, name: str) -> dict[str, Any]:
    import json

    try:
        with open(os.path.join(directory, name), "rb") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(directory: str, name: str, content: dict[str, object]) -> None:
    from beacon_track import otlp, spool

    try:
        spool.write(directory, name, [otlp.dump(content)])
    except OSError:
        pass
