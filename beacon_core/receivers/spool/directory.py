"""The spool folder: which files wait in it, and who has taken one.

Programs write `pending-<pid>-<random>.jsonl`. Whoever sends a file renames it first, to `taken-<own pid>-` and the
rest: of several, the file system lets one succeed. A file with damaged lines is renamed to `corrupt-` and the rest.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, NamedTuple, TypeAlias, cast

_NAME = re.compile(r"(?:(pending|corrupt)|taken-(\d{1,10}))-([^/\\]+\.jsonl)")

#: Seconds after which a file is taken over from a process that is alive: most likely it is another one by now, with
#: the number of the one that died. Nobody needs that long for one file.
_LONGEST_TAKE = 3600.0

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

State: TypeAlias = Literal["pending", "taken", "corrupt"]

if sys.platform == "win32":

    def _open(path: Path, taken: Path) -> int:
        """Take a file and open it; an open file can be neither renamed nor deleted by others."""
        path.rename(taken)
        return os.open(taken, _FLAGS)

else:
    import fcntl

    def _open(path: Path, taken: Path) -> int:
        """Open and take a file. The lock shows processes that cannot see ours, in other containers, that it is alive.

        Raises:
            OSError: somebody else has it, or it cannot be read.
        """
        descriptor = os.open(path, _FLAGS)
        try:
            _lock(descriptor)
            path.rename(taken)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _lock(descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            return  # a file system without locks: the numbers of processes have to do


class SpoolFile(NamedTuple):
    """A file as it was when the folder was listed.

    Attributes:
        path: where it is.
        state: what its name says.
        taker: the process that has taken it, 0 if none.
        rest: the part of its name that stays.
        modified: when it was written, in Unix nanoseconds.
        renamed: when it was renamed, in Unix seconds (on Windows: made).
    """

    path: Path
    state: State
    taker: int
    rest: str
    modified: int
    renamed: float


class TakenFile(NamedTuple):
    """A file that this process has, open."""

    path: Path
    rest: str
    file: BinaryIO


class SpoolDirectory:
    """Lists, takes and ends the files of a spool folder; one thread at a time.

    Args:
        path: of the folder, which may be missing.
    """

    #: What this process has taken: a file that bears our number and is not among them was taken by a process of the
    #: same number that died, as happens in containers, where every first process is number 1.
    _ours: ClassVar[set[Path]] = set()
    _lock = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    def files(self) -> list[SpoolFile]:
        """Return the files, the oldest first; none if there is no such folder.

        Raises:
            OSError: the folder cannot be read.
        """
        try:
            with os.scandir(self._path) as entries:
                found = list(_spool_files(entries))
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda each: (each.modified, each.path.name))

    def is_free(self, file: SpoolFile) -> bool:
        """Say whether a file may be taken: it waits, or whoever took it has died."""
        if file.state != "taken":
            return file.state == "pending"
        with self._lock:
            if file.path in self._ours:
                return False
        return file.taker == os.getpid() or time.time() - file.renamed > _LONGEST_TAKE or not _is_alive(file.taker)

    def take(self, file: SpoolFile) -> TakenFile | None:
        """Take a file; None if somebody else was faster.

        Raises:
            OSError: it cannot be read.
        """
        taken = self._path / f"taken-{os.getpid()}-{file.rest}"
        with self._lock:
            if taken in self._ours:
                return None
            self._ours.add(taken)
        try:
            descriptor = _open(file.path, taken)
        except OSError as error:
            self._forget(taken)
            if isinstance(error, FileNotFoundError | BlockingIOError):
                return None
            raise
        return TakenFile(taken, file.rest, cast("BinaryIO", os.fdopen(descriptor, "rb")))

    def remove(self, taken: TakenFile) -> None:
        """Delete a file: what it held is stored.

        Raises:
            OSError: it stays, and is not taken again by this process.
        """
        taken.file.close()
        taken.path.unlink(missing_ok=True)
        self._forget(taken.path)

    def give_back(self, taken: TakenFile, done: int) -> None:
        """Leave a file to whoever comes next, without the first `done` bytes, which are stored; raises as `remove`."""
        if done == 0:
            self._rename(taken, "pending")
            return
        partial = self._path / f"part-{os.getpid()}-{taken.rest}"  # programs with beacon-track clear such away, too
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as rest:
            taken.file.seek(done)
            shutil.copyfileobj(taken.file, rest)
            rest.flush()
            os.fsync(rest.fileno())
        partial.replace(self._path / f"pending-{taken.rest}")
        self.remove(taken)

    def set_aside(self, taken: TakenFile) -> None:
        """Keep a file for a person to look at; raises as `remove`."""
        self._rename(taken, "corrupt")

    def _rename(self, taken: TakenFile, state: State) -> None:
        taken.file.close()
        with suppress(FileNotFoundError):  # somebody has deleted it
            taken.path.rename(taken.path.with_name(f"{state}-{taken.rest}"))
        self._forget(taken.path)

    def _forget(self, taken: Path) -> None:
        with self._lock:
            self._ours.discard(taken)


def _spool_files(entries: Iterator[os.DirEntry[str]]) -> Iterator[SpoolFile]:
    for entry in entries:
        name = _NAME.fullmatch(entry.name)
        if name is None or not entry.is_file(follow_symlinks=False):
            continue
        with suppress(FileNotFoundError):  # taken, or done, since the folder was listed
            about = entry.stat(follow_symlinks=False)
            state = cast("State", name[1] or "taken")
            yield SpoolFile(Path(entry.path), state, int(name[2] or 0), name[3], about.st_mtime_ns, about.st_ctime)


def _is_alive(pid: int) -> bool:
    import psutil  # noqa: PLC0415 - seldom needed

    return psutil.pid_exists(pid)
