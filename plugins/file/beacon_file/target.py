"""The file that is being appended to: opened carefully, written whole or not at all, re-opened when it was replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import msgspec

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
_BEGINNING = b'{"id":"'  # of every line of ours
_LONGEST_LINE = 16 * 1024 * 1024  # what is looked at to find where the last line begins


class NotAFileError(OSError):
    """The path leads to something that cannot be appended to: a directory, a device, a pipe, a socket."""


class NotUndoneError(OSError):
    """A write failed, and what it had written until then could not be removed."""


class AppendFile:
    """An append-only file. Not for several threads.

    Args:
        path: the file, absolute.
        fsync: make every write durable before returning.
    """

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self.path = path
        self._fsync = fsync
        self._descriptor = -1
        self._torn = False

    def open(self) -> None:
        """Open the file, unless the right one is open already; make it and its directories if they are missing.

        Raises:
            OSError: if that is impossible.
        """
        if self._descriptor >= 0:
            if self._is_current():
                return
            self.close()
        made = not _regular_file_exists(self.path)
        if made:
            make_directories(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags, FILE_MODE)
        try:
            self._torn = _ends_within_a_line(self._descriptor) and _mend_last_line(self._descriptor)
            if made:
                sync_directory(self.path.parent)
        except OSError:
            self.close()
            raise

    def size(self) -> int:
        """Return the bytes of the open file."""
        return os.fstat(self._descriptor).st_size

    def append(self, data: bytes) -> None:
        """Append all of `data`, or nothing.

        Raises:
            NotUndoneError: it could not be written, and a part of it may still be there.
            OSError: it could not be written; the file is as long as before. It is closed: open it again.
        """
        start = self.size()
        try:
            write_all(self._descriptor, b"\n" + data if self._torn else data)
            if self._fsync:
                os.fsync(self._descriptor)
        except OSError as error:
            undone = self._cut_back_to(start)
            self.close()
            if undone:
                raise
            raise NotUndoneError(error.errno, error.strerror) from error
        self._torn = False

    def sync(self) -> None:
        """Write what the operating system still holds back to the disk."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; it can be opened again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):  # what it could still report was reported by fsync
                os.close(descriptor)

    def _is_current(self) -> bool:
        """Whether the path still leads to the open file: logrotate and `rm` take it away."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))  # noqa: PTH116 - on the event path
        except OSError:
            return False

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


def _ends_within_a_line(descriptor: int) -> bool:
    if os.fstat(descriptor).st_size == 0:
        return False
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) != b"\n"


def _mend_last_line(descriptor: int) -> bool:
    """Remove half a line of ours, left by a kill in the middle of a write: its event is still queued and comes again.

    Returns:
        Whether the last line has no end all the same: somebody else wrote it, and it is left alone.
    """
    size = os.fstat(descriptor).st_size
    start = max(0, size - _LONGEST_LINE)
    os.lseek(descriptor, start, os.SEEK_SET)
    tail = _read_all(descriptor, size - start)
    begin = tail.rfind(b"\n") + 1
    line = tail[begin:]
    if not line:
        return False
    ours = line.startswith(_BEGINNING) or _BEGINNING.startswith(line)
    if not ours or (begin == 0 and start > 0) or _is_json(line):
        return True
    os.ftruncate(descriptor, start + begin)
    return False


def _read_all(descriptor: int, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True
