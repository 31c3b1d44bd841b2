"""Deletes what a session has left: by name, one by one, and only what Beacon wrote ([C9])."""

from __future__ import annotations

import os
from pathlib import Path

from beacon_core.ci.codex import delete_codex_home
from beacon_core.ci.directories import COLLECTOR_LOG, PIPELINE, QUEUE, READY, RECEIPT, STATE, Places
from beacon_core.ci.recognition import is_ours

_NAMES = (PIPELINE, COLLECTOR_LOG, QUEUE, RECEIPT, READY, STATE)
_BESIDE_QUEUE = ("-wal", "-shm", "-journal", ".lock")  # SQLite's, and the one that keeps other processes away


def delete_artifacts(places: Places, *, log_is_ours: bool) -> list[str]:
    """Delete a session's files; what does not look like them stays, and so does every directory of the user's.

    The places come from the command line or are the usual ones, never from the state file: it could have been edited.

    Args:
        places: of the session.
        log_is_ours: the log was not there before the session.

    Returns:
        What was left alone although it has the name of a session's file, with the reason.
    """
    left = []
    files = [places.base / name for name in _NAMES if name != STATE]
    if log_is_ours:
        files.append(places.log)
    for path in (*files, places.state):
        if not os.path.lexists(path):
            continue
        if not is_ours(path):
            left.append(f"{path} stays: Beacon did not write it")
            continue
        path.unlink()
        if path.name == QUEUE:
            for suffix in _BESIDE_QUEUE:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
    delete_codex_home(places.agents)
    _remove_if_empty(places.agents)
    if not places.given:
        _remove_if_empty(places.base)
    return left


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # somebody keeps something there
        return
