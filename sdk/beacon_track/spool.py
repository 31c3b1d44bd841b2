"""The spool: files of events that wait to be sent, and how a file changes hands so that nobody sends it twice.

`pending-<pid>-<random>.jsonl` waits; each of its lines is a whole OTLP/JSON logs request with one log record. Whoever
wants to send it renames it to `taken-<own pid>-<rest>` first: of several that try, one succeeds. It is deleted when its
events have been delivered, and renamed back when they have not. What cannot be read is renamed to `corrupt-...` and
kept aside. A taken file whose taker is gone may be taken again; while the taker lives it is locked, too, since its
number says nothing in another container.
"""

from __future__ import annotations

import os
import sys
import time

from beacon_track import journal, locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PENDING, TAKEN, CORRUPT, PART = "pending-", "taken-", "corrupt-", "part-"

#: After so long, the process with the taker's number is another one.
_LONGEST_TAKE = 3600

#: What this process has taken, with the descriptors that lock it: another process with its number may have left others.
_own: dict[str, int] = {}


def write(directory: str, name: str, lines: Iterable[bytes]) -> str:
    """Write a file of the spool, whole or not at all, readable by this user only, and return its path.

    Raises:
        OSError: it cannot be written, and is not there.
    """
    path, part = os.path.join(directory, name), os.path.join(directory, f"{PART}{os.getpid()}-{random_name()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as output:
            output.write(b"".join(line + b"\n" for line in lines))
        os.replace(part, path)
    except OSError:
        remove(part)
        raise
    return path


def new_name() -> str:
    """Return a name for a new pending file."""
    return f"{PENDING}{os.getpid()}-{random_name()}.jsonl"


def random_name() -> str:
    """Return what makes the name of a file its own."""
    return os.urandom(6).hex()


def waiting(directory: str) -> list[str]:
    """Return the names of the files that can be taken, the oldest first; journals of dead processes become some."""
    journal.recover(directory)
    found = [name for name in names(directory) if name.startswith(PENDING) or _is_abandoned(directory, name)]
    return sorted(found, key=lambda name: (_modified(directory, name), name))


def take(directory: str, name: str) -> str | None:
    """Take a file and return its new name; nothing if somebody else was faster."""
    rest = name[len(PENDING) :] if name.startswith(PENDING) else name.split("-", 2)[-1]
    taken = f"{TAKEN}{os.getpid()}-{rest}"
    old, new = os.path.join(directory, name), os.path.join(directory, taken)
    try:
        descriptor = os.open(old, os.O_RDWR) if locks.KNOWN else -1
    except OSError:
        return None
    try:
        if not locks.lock(descriptor):
            raise BlockingIOError  # as if it could not be renamed
        os.rename(old, new)
    except OSError:
        locks.close(descriptor)
        return None
    _own[taken] = descriptor
    return taken


def rewrite(directory: str, taken: str, lines: Iterable[bytes]) -> None:
    """Put other lines into a file that was taken: fewer, where some were delivered.

    Raises:
        OSError: they cannot be written; the file is as it was.
    """
    path = write(directory, taken, lines)
    locks.close(_own.pop(taken, -1))
    _own[taken] = os.open(path, os.O_RDWR) if locks.KNOWN else -1
    locks.lock(_own[taken])


def give_back(directory: str, taken: str) -> None:
    """Let others have a file that was taken."""
    _rename(directory, taken, PENDING + taken.split("-", 2)[-1])


def set_aside(directory: str, taken: str) -> None:
    """Keep a file that cannot be read where nobody takes it."""
    _rename(directory, taken, CORRUPT + taken.split("-", 2)[-1])


def done(directory: str, taken: str) -> None:
    """Delete a file whose events have been delivered."""
    remove(os.path.join(directory, taken))
    _release(taken)


def alive(pid: int) -> bool:
    """Return whether there is a process with this number, other than this one."""
    if pid <= 0 or pid == os.getpid():
        return False
    if sys.platform == "win32":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _alive_on_windows(pid: int) -> bool:
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute is there on Windows only
    handle = kernel.OpenProcess(0x100000, False, pid)  # SYNCHRONIZE
    if not handle:
        return False
    running = kernel.WaitForSingleObject(handle, 0) == 0x102  # noqa: PLR2004 - WAIT_TIMEOUT
    kernel.CloseHandle(handle)
    return bool(running)


def _is_abandoned(directory: str, name: str) -> bool:
    if not name.startswith(TAKEN) or name in _own:
        return False
    return not alive(_taker(name)) or time.time() - _renamed(directory, name) > _LONGEST_TAKE


def _taker(name: str) -> int:
    number = name.split("-", 2)[1]
    return int(number) if number.isdigit() else 0


def names(directory: str) -> list[str]:
    """Return the names of the files in a directory; none if it cannot be read."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _modified(directory: str, name: str) -> float:
    try:
        return os.stat(os.path.join(directory, name)).st_mtime
    except OSError:
        return 0.0


def _renamed(directory: str, name: str) -> float:
    try:
        return os.stat(os.path.join(directory, name)).st_ctime
    except OSError:
        return time.time()


def _release(taken: str) -> None:
    locks.close(_own.pop(taken, -1))


def _rename(directory: str, old: str, new: str) -> None:
    try:
        os.rename(os.path.join(directory, old), os.path.join(directory, new))
    except OSError:
        pass
    _release(old)


def remove(path: str) -> None:
    """Delete a file if that is possible."""
    try:
        os.unlink(path)
    except OSError:
        pass
