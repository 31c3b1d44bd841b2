"""The spool: files of events that wait to be sent, and how a file changes hands so that nobody sends it twice.

`pending-<pid>-<random>.jsonl` waits; each of its lines is a whole OTLP/JSON logs request with one log record. Whoever
wants to send it renames it to `taken-<own pid>-<rest>` first: of several that try, one succeeds. It is deleted when its
events have been delivered, and renamed back when they have not. A taken file whose taker is gone may be taken again.
What cannot be read is renamed to `corrupt-...` and kept aside.
"""

from __future__ import annotations

import os
import sys
import time

from beacon_track import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PENDING, TAKEN, CORRUPT, PART = "pending-", "taken-", "corrupt-", "part-"
#: What is kept at most [T7].
MAX_FILES = 100
MAX_SECONDS = 7 * 24 * 3600
#: A file that is being written is younger than this.
_PART_SECONDS = 3600

#: Names that this process has taken: another process with its number may have left others.
_own: set[str] = set()


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
        _remove(part)
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
    found = [name for name in _names(directory) if name.startswith(PENDING) or _is_abandoned(name)]
    return sorted(found, key=lambda name: (_modified(directory, name), name))


def take(directory: str, name: str) -> str | None:
    """Take a file and return its new name; nothing if somebody else was faster."""
    rest = name[len(PENDING) :] if name.startswith(PENDING) else name.split("-", 2)[-1]
    taken = f"{TAKEN}{os.getpid()}-{rest}"
    try:
        if taken != name:
            os.rename(os.path.join(directory, name), os.path.join(directory, taken))
    except OSError:
        return None
    _own.add(taken)
    return taken


def give_back(directory: str, taken: str) -> None:
    """Let others have a file that was taken."""
    _rename(directory, taken, PENDING + taken.split("-", 2)[-1])


def set_aside(directory: str, taken: str) -> None:
    """Keep a file that cannot be read where nobody takes it."""
    _rename(directory, taken, CORRUPT + taken.split("-", 2)[-1])


def done(directory: str, taken: str) -> None:
    """Delete a file whose events have been delivered."""
    _own.discard(taken)
    _remove(os.path.join(directory, taken))


def prune(directory: str) -> int:
    """Delete what is too old, and the oldest of what is too much; return how many files of events went."""
    now = time.time()
    ages = {name: now - _modified(directory, name) for name in _names(directory)}
    for name, age in ages.items():
        if name.startswith(PART) and age > _PART_SECONDS:
            _remove(os.path.join(directory, name))
    deleted = 0
    for kind in (PENDING, CORRUPT):
        of_kind = sorted((age, name) for name, age in ages.items() if name.startswith(kind))
        for position, (age, name) in enumerate(of_kind):
            if age > MAX_SECONDS or position >= MAX_FILES:
                _remove(os.path.join(directory, name))
                deleted += kind == PENDING
    return deleted


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


def _is_abandoned(name: str) -> bool:
    return name.startswith(TAKEN) and name not in _own and not alive(_taker(name))


def _taker(name: str) -> int:
    number = name.split("-", 2)[1]
    return int(number) if number.isdigit() else 0


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _modified(directory: str, name: str) -> float:
    try:
        return os.stat(os.path.join(directory, name)).st_mtime
    except OSError:
        return 0.0


def _rename(directory: str, old: str, new: str) -> None:
    _own.discard(old)
    try:
        os.rename(os.path.join(directory, old), os.path.join(directory, new))
    except OSError:
        pass


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
