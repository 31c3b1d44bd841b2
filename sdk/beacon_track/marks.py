"""Notes on exceptions: an address is given to another one when an exception is gone, a note goes with it."""

from __future__ import annotations

_REPORTED, _LEFT = "__beacon_track_reported__", "__beacon_track_left__"


def first_report(error: BaseException) -> bool:
    """Return whether an exception has not been reported before; from now on it has."""
    if _read(error, _REPORTED):
        return False
    _write(error, _REPORTED, "yes")
    return True


def left(error: BaseException, event_id: str) -> None:
    """Note that an exception has left the command of an event."""
    _write(error, _LEFT, event_id)


def has_left(error: BaseException, event_id: str) -> bool:
    """Return whether an exception has left the command of an event."""
    return _read(error, _LEFT) == event_id


def _read(error: BaseException, name: str) -> object:
    try:
        return object.__getattribute__(error, name)
    except AttributeError:
        return None


def _write(error: BaseException, name: str, value: str) -> None:
    try:
        object.__setattr__(error, name, value)
    except (AttributeError, TypeError):  # some classes have no room for it
        pass
