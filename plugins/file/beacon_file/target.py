"""The file that is being appended to: opened carefully, held while it is changed, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from beacon_file.locking import Lock
from beacon_file.torn import NOTHING, Tail, mend

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
_PATIENCE = 10.0  # seconds to wait for another process that writes to the file
_STEP = 0.002


class NotAFileError(OSError):
    """The path leads to something that cannot be appended to: a directory, a device, a pipe, a socket."""


class NotUndoneError(OSError):
    """A write failed, and what it had written until then could not be removed."""


class AppendFile:
    """An append-only file, which other processes may append to as well. Not for several threads.

    Args:
        path: the file, absolute.
        fsync: make every write durable before returning.
        remember: find out which lines there are at the end of a file that is there already, see `left`.
        patience: seconds to wait for another process that writes.

    Attributes:
        left: what a crash has left at the end of the file when it was opened first.
    """

    def __init__(self, path: Path, *, fsync: bool, remember: bool = False, patience: float = _PATIENCE) -> None:
        self.path = path
        self.left: Tail = NOTHING
        self._fsync = fsync
        self._remember = remember
        self._patience = patience
        self._descriptor = -1
        self._lock = Lock()
        self._fresh = False  # opened, and not looked at yet
        self._open_line = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have the file that the path leads to open and no other process write to it; make it if it is missing.

        Half a line of ours at its end is removed: nobody else is writing, so whoever began it is gone.

        Raises:
            NotAFileError: the path leads to something else.
            TimeoutError: another process writes for longer than `patience`.
            OSError: it could not be opened, read or mended.
        """
        self._take()
        try:
            self._mend()
            yield
        finally:
            if self._descriptor >= 0:
                self._lock.release(self._descriptor)

    def size(self) -> int:
        """Return the bytes of the open file."""
        return os.fstat(self._descriptor).st_size

    def modified(self) -> int:
        """Return when the open file was written to last, in Unix nanoseconds."""
        return os.fstat(self._descriptor).st_mtime_ns

    def append(self, data: bytes) -> None:
        """Append all of `data`, or nothing; only while the file is held.

        Raises:
            NotUndoneError: it could not be written, and a part of it may still be there.
            OSError: it could not be written; the file is as long as before. It is closed: hold it again.
        """
        start = self.size()
        try:
            write_all(self._descriptor, b"\n" + data if self._open_line else data)
            if self._fsync:
                os.fsync(self._descriptor)
            self._require_a_name()
        except OSError as error:
            undone = self._cut_back_to(start)
            self.close()
            if undone:
                raise
            raise NotUndoneError(error.errno, error.strerror) from error
        self._open_line = False

    def put_aside(self, target: Path) -> None:
        """Give the file another name and begin a new one, which is held instead; only while the file is held.

        Raises:
            OSError: it could not be renamed, or the new one not opened.
        """
        self.sync()
        if not self._lock.real:  # Windows renames no open file
            self.close()
        self.path.rename(target)  # before the lock is given up: nobody else may write to the old one afterwards
        self.close()
        sync_directory(self.path.parent)
        self._take()
        self._mend()

    def sync(self) -> None:
        """Write what the operating system still holds back to the disk."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; it can be held again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):  # what it could still report was reported by fsync
                os.close(descriptor)

    def forget(self) -> None:
        """Do not keep any longer which lines there were."""
        self.left, self._remember = NOTHING, False

    # ---- opening and locking ----

    def _take(self) -> None:
        """Open the file and take its lock, again if it was replaced while its lock was waited for."""
        deadline = time.monotonic() + self._patience
        while True:
            self._open()
            try:
                if self._lock.take(self._descriptor):
                    if self._is_current():
                        return
                    self.close()
                    continue
            except OSError:
                self.close()
                raise
            if time.monotonic() > deadline:
                self.close()
                raise TimeoutError(errno.ETIMEDOUT, "another process has been writing to it for too long")
            time.sleep(_STEP)

    def _open(self) -> None:
        """Open the file, unless the right one is open already; make it and its directories if they are missing."""
        if self._descriptor >= 0:
            if self._is_current():
                return
            self.close()
        made = not _regular_file_exists(self.path)
        if made:
            make_directories(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags, FILE_MODE)
        self._fresh = True
        try:
            if made:
                sync_directory(self.path.parent)
        except OSError:
            self.close()
            raise

    def _mend(self) -> None:
        """Look at the end of the file. Without locks only once: what is half there later may be being written."""
        if not (self._fresh or self._lock.real):
            return
        try:
            found = mend(self._descriptor, remember=self._remember)
        except OSError:
            self.close()
            raise
        if self._remember:
            self.left, self._remember = found, False
        self._fresh, self._open_line = False, found.open_line

    def _is_current(self) -> bool:
        """Whether the path still leads to the open file: logrotate, `rm` and other processes take it away."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))  # noqa: PTH116 - on the event path
        except OSError:
            return False

    def _require_a_name(self) -> None:
        """Fail if the file was deleted while it was written to: nobody could ever read that."""
        if os.fstat(self._descriptor).st_nlink == 0 and not self._is_current():
            raise FileNotFoundError(errno.ENOENT, "deleted while it was written to")

    def _cut_back_to(self, size: int) -> bool:
        """Remove what a failed write left behind, so that the next try makes no torn or repeated lines."""
        try:
            if self.size() > size:  # it is shorter only if somebody else has emptied it meanwhile
                os.ftruncate(self._descriptor, size)
        except OSError:
            return False
        return True


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, also where the system takes it in pieces."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def make_directories(directory: Path) -> None:
    """Make a directory and the missing ones above it, all of them readable by their owner only."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        each.mkdir(DIRECTORY_MODE, exist_ok=True)


def sync_directory(directory: Path) -> None:
    """Make a new or renamed name durable, where the system can: Windows and some network file systems cannot."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _regular_file_exists(path: Path) -> bool:
    """Refuse what must not be opened before it is opened: a pipe would block, a device would be renamed by rotation."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise NotAFileError("is a directory")
    if not stat.S_ISREG(mode):
        raise NotAFileError("is not a regular file")
    return True
