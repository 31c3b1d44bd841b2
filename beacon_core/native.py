"""The door to `beacon-native`: inner loops that are compiled, for those who install the extra `fast`.

Everything works without it, with the same results, which tests hold both ways to. `BEACON_NATIVE=0` leaves it out, to
find out whether it is to blame for something.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

#: What Beacon expects `beacon_native` to be like; raised together with the constant of the same name there.
INTERFACE = 1


@cache
def native(module: str) -> Any | None:
    """Return a module of `beacon_native`; None if it is not installed, is for another Beacon, or is not wanted."""
    if os.environ.get("BEACON_NATIVE") == "0":
        return None
    try:
        if import_module("beacon_native").INTERFACE != INTERFACE:
            return None
        return import_module(f"beacon_native.{module}")
    except ImportError:
        return None
