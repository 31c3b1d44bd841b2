"""Puts a queue where a later job finds it ([C17]): `beacon run --drain DIR` delivers what is in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from beacon_core.ci.directories import PIPELINE, QUEUE, Places

_PRIVATE = 0o700
_BESIDE = ("-wal", "-journal")  # what was not written back by a sidecar that was killed; `-shm` is made anew


def spool(places: Places, folder: Path, nonce: str) -> Path:
    """Move a session's queue into a folder and put its pipeline beside it, for a `--drain` without a pipeline.

    Args:
        places: of the session, whose sidecar has ended.
        folder: where later jobs look; made if it is missing.
        nonce: of the session: the queue's name where an earlier one has left a queue.

    Returns:
        Where the queue is now.

    Raises:
        OSError: it could not be moved; it is where it was.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    target = folder / QUEUE
    if os.path.lexists(target):
        target = folder / f"queue-{nonce[:8]}.db"
    for suffix in _BESIDE:  # first: with them the queue's file is whole wherever it is
        _move(places.queue.with_name(QUEUE + suffix), target.with_name(target.name + suffix))
    _move(places.queue, target)
    if places.pipeline.exists() and not (folder / PIPELINE).exists():
        _move(places.pipeline, folder / PIPELINE, copy=True)
    return target


def _move(source: Path, target: Path, *, copy: bool = False) -> None:
    """Move a file, to another file system as well: there is a whole one under the new name, or none."""
    if not source.exists():
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    if not copy:
        try:
            source.replace(target)
        except OSError:  # another file system
            pass
        else:
            return
    try:
        shutil.copy2(source, partial)
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    if not copy:
        source.unlink()
