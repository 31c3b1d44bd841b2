"""What is known about the CI run, for the agents and for the state of a session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from beacon_core.processors.fingerprint.detection import detect
from beacon_core.processors.fingerprint.names import RUN_ID, TOLD


def run_attributes(environ: Mapping[str, str], *, run_id: str, directory: Path | None = None) -> dict[str, str]:
    """Return the attributes of the run that agents are told, as `fingerprint` finds them; the most important first.

    Args:
        environ: the job's environment.
        run_id: which run this is; Beacon itself has to be given it as `BEACON_RUN_ID`, so that both say the same.
        directory: where the checkout is, for what the environment does not say; None not to look.
    """
    found = detect(environ, directory=directory) | {RUN_ID: run_id}
    return {name: found[name] for name in TOLD if name in found}
