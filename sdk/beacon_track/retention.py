"""How much a spool keeps, and for how long [T7]: a week, a hundred files, some megabytes.

More files than that are made one, so that their events are kept; only what is too old or too much in bytes is deleted.
"""

from __future__ import annotations

import os
import time

from beacon_track import spool

MAX_SECONDS = 7 * 24 * 3600
MAX_FILES = 100
MAX_BYTES = 10_000_000
#: So many are left where there were too many, so that not every command has to see to it.
_LEFT = 50
#: A file that is being written is younger than this.
_PART_SECONDS = 3600


class _File:
    __slots__ = ("age", "name", "size")

    def __init__(self, directory: str, name: str) -> None:
        status = os.stat(os.path.join(directory, name))
        self.name = name
        self.age = time.time() - status.st_mtime
        self.size = status.st_size


def keep_limits(directory: str) -> None:
    """Delete what is too old or too much, and join files of which there are too many; never raises."""
    files = _files(directory)
    for file in files:
        kept_for = _PART_SECONDS if file.name.startswith(spool.PART) else MAX_SECONDS
        if file.age > kept_for:
            spool.remove(os.path.join(directory, file.name))
    for kind in (spool.CORRUPT, spool.PENDING):
        newest_first = [file for file in files if file.name.startswith(kind) and file.age <= MAX_SECONDS]
        fitting = _fitting(directory, newest_first)
        if len(fitting) > MAX_FILES:
            _reduce(directory, kind, fitting[_LEFT - 1 :])


def _files(directory: str) -> list[_File]:
    """Return the files of a spool that nobody has, the newest first."""
    found = []
    for name in spool.names(directory):
        if name.startswith((spool.PENDING, spool.CORRUPT, spool.PART)):
            try:
                found.append(_File(directory, name))
            except OSError:  # somebody has just taken it
                continue
    return sorted(found, key=lambda file: (file.age, file.name))


def _fitting(directory: str, files: list[_File]) -> list[_File]:
    """Delete the oldest of files that are too large together, and return the others."""
    total = 0
    for position, file in enumerate(files):
        total += file.size
        if total > MAX_BYTES:
            for each in files[position:]:
                spool.remove(os.path.join(directory, each.name))
            return files[:position]
    return files


def _reduce(directory: str, kind: str, oldest: list[_File]) -> None:
    """Make one file of several that wait; of those set aside, delete them."""
    if kind == spool.CORRUPT:
        for file in oldest:
            spool.remove(os.path.join(directory, file.name))
        return
    taken = [name for name in (spool.take(directory, file.name) for file in oldest) if name is not None]
    try:
        lines = [line for name in reversed(taken) for line in _lines(directory, name)]
        if taken:
            spool.rewrite(directory, taken[0], lines)  # from here on, this one has the events of all
    except OSError:
        for name in taken:
            spool.give_back(directory, name)
        return
    for name in taken[1:]:
        spool.done(directory, name)
    for name in taken[:1]:
        spool.give_back(directory, name)


def _lines(directory: str, name: str) -> list[bytes]:
    with open(os.path.join(directory, name), "rb") as file:
        return file.read().splitlines()
