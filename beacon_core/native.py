"""The door to `beacon-native`: inner loops that are compiled, for those who install the extra `fast`.

Everything works without it, with the same results, which tests hold both ways to. `BEACON_NATIVE=0` leaves it out, to
find out whether it is to blame for something.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

#: What Beacon expects `beacon_native` to be like; raised together with the constant of the same name there.
INTERFACE = 1

_DISTRIBUTION = "beacon-native"
_HINT = "pip install --upgrade 'beacon-core[fast]'"


class State(NamedTuple):
    """Whether native code is in use.

    Attributes:
        version: of the `beacon-native` that is installed; None if there is none.
        used: whether it is used.
        says: the same as a sentence, with what to do.
    """

    version: str | None
    used: bool
    says: str


@cache
def native(module: str) -> Any | None:
    """Return a module of `beacon_native`; None if it is not installed, is for another Beacon, or is not wanted."""
    if not _is_wanted():
        return None
    try:
        if import_module("beacon_native").INTERFACE != INTERFACE:
            return None
        return import_module(f"beacon_native.{module}")
    except ImportError:
        return None


def state() -> State:
    """Return whether native code is in use here, for people who wonder. It is no part of a run."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow to import

    try:
        installed = version(_DISTRIBUTION)
    except PackageNotFoundError:
        return State(None, used=False, says=f"{_DISTRIBUTION} is not installed: the same, only slower; {_HINT}")
    name = f"{_DISTRIBUTION} {installed}"
    if not _is_wanted():
        return State(installed, used=False, says=f"{name} is not in use: BEACON_NATIVE is 0")
    try:
        interface = import_module("beacon_native").INTERFACE
        import_module("beacon_native.otlp")
    except ImportError as error:
        return State(installed, used=False, says=f"{name} is not in use: {error}")
    if interface != INTERFACE:
        return State(installed, used=False, says=f"{name} is not in use: it is for another Beacon; {_HINT}")
    return State(installed, used=True, says=name)


def _is_wanted() -> bool:
    return os.environ.get("BEACON_NATIVE") != "0"
