"""The journal of a running command: what it has recorded is on disk at once, in case the process ends without a word.

A line is an event as in the spool, or, after `~`, what becomes of an event if no more is heard of it: a command that
has begun. At the end of the process the journal becomes a file of the spool. If the process was killed or left by
`os._exit`, the next one that looks makes it one, without the beginnings of what has ended.

`journal-<pid>-<random>.jsonl` is locked while its process, or a child that it forked, lives.
"""

from __future__ import annotations

import os

from beacon_track import locks, spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "journal-"
_BEGUN = b"~"


class Journal:
    """The journal of one process; its methods raise `OSError` where the disk does not take it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._pid = os.getpid()
        self._name = ""
        self._descriptor = -1

    def begun(self, line: bytes) -> None:
        """Keep what becomes of an event unless it ends."""
        self._append(_BEGUN + line)

    def ended(self, line: bytes) -> None:
        """Keep an event."""
        self._append(line)

    def finish(self, lines: Iterable[bytes]) -> str:
        """Make the journal a file of the spool that holds these lines, and return its name."""
        name = spool.new_name()
        if not self._name:
            spool.write(self.directory, name, lines)
        else:
            if not locks.KNOWN:  # an open file cannot be replaced there
                self._close_descriptor()
            spool.write(self.directory, self._name, lines)  # at any moment, one file has the events
            _move(self._path(), os.path.join(self.directory, name))
            self._close()
        return name

    def discard(self) -> None:
        """Delete the journal, if there is one."""
        try:
            path = self._path() if self._name else ""
            self._close()
            if path:
                os.unlink(path)
        except FileNotFoundError:  # with everything else that was there: the user has said no
            pass

    def abandon(self) -> None:
        """Leave the journal to the process that this one was forked from."""
        self._close()

    def _append(self, line: bytes) -> None:
        if self._descriptor < 0:
            self._open()
        os.write(self._descriptor, line + b"\n")

    def _open(self) -> None:
        name = f"{PREFIX}{self._pid}-{spool.random_name()}.jsonl"
        path = os.path.join(self.directory, name)
        hidden = os.path.join(self.directory, f"{spool.PART}{name}") if locks.KNOWN else path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = os.open(hidden, flags, 0o600)
        locks.lock(self._descriptor)
        if hidden != path:  # nobody sees it before it is locked
            os.rename(hidden, path)
        self._name = name

    def _path(self) -> str:
        return os.path.join(self.directory, self._name)

    def _close(self) -> None:
        self._name = ""
        self._close_descriptor()

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        locks.close(descriptor)


def recover(directory: str) -> int:
    """Make files of the spool of the journals that no process holds any more; return how many."""
    try:
        names = [name for name in os.listdir(directory) if name.startswith(PREFIX)]
    except OSError:
        return 0
    return sum(_recover(directory, name) for name in names)


def _recover(directory: str, name: str) -> bool:
    """Make a file of the spool of one journal, unless its process lives or another is at it."""
    path = os.path.join(directory, name)
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        own = f"{PREFIX}{os.getpid()}-{spool.random_name()}.jsonl"
        if not locks.lock(descriptor, _process(name)) or not _move(path, os.path.join(directory, own)):
            return False
        with open(descriptor, "rb", closefd=False) as file:
            lines = list(_resolved(file.read()))
        if not lines:
            os.unlink(os.path.join(directory, own))
            return False
        spool.write(directory, own, lines)  # not locked: whoever moves it next goes on
        return _move(os.path.join(directory, own), os.path.join(directory, spool.new_name()))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _move(path: str, new: str) -> bool:
    """Rename a file; say no if another process has done so before."""
    try:
        os.rename(path, new)
    except FileNotFoundError:
        return False
    return True


def _resolved(content: bytes) -> Iterator[bytes]:
    """Yield the events of a journal: what has ended, and what had begun and not ended; no line that was cut off."""
    begun: dict[str, bytes] = {}
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    for line in whole:
        if line.startswith(_BEGUN):
            begun[_uid(line)] = line[1:]
        else:
            begun.pop(_uid(line), None)
            yield line
    yield from begun.values()


def _uid(line: bytes) -> str:
    """Return the id of the event in a line; every line that this package writes has one."""
    _, _, rest = line.partition(b'{"key":"log.record.uid","value":{"stringValue":"')
    return rest[:36].decode("ascii", "replace")


def _process(name: str) -> int:
    number = name.split("-", 2)[1]
    return int(number) if number.isdigit() else 0
