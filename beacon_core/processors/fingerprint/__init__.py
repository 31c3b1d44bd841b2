"""The fingerprint processor: where events come from (machine, runtime, CI run), put into their resource."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beacon_core.processors.fingerprint.config import FingerprintConfig
    from beacon_core.processors.fingerprint.detection import detect, facts, working_directory
    from beacon_core.processors.fingerprint.environment import describe_environment, environment_attributes
    from beacon_core.processors.fingerprint.processor import FingerprintProcessor
    from beacon_core.processors.fingerprint.reading import load_rows

__all__ = [
    "FingerprintConfig",
    "FingerprintProcessor",
    "describe_environment",
    "detect",
    "environment_attributes",
    "facts",
    "load_rows",
    "working_directory",
]

_HOMES = {
    "config": ("FingerprintConfig",),
    "detection": ("detect", "facts", "working_directory"),
    "environment": ("describe_environment", "environment_attributes"),
    "processor": ("FingerprintProcessor",),
    "reading": ("load_rows",),
}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: `beacon ci` has use for the detection, and none for pydantic."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
