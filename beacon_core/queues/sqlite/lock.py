"""One process a queue file: an advisory lock on a file beside it, which names the process that holds it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from beacon_core.errors import ConfigurationError

_TRIES, _WAIT = 3, 0.02

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> None:
        """Lock an open file, or raise OSError where another process has it."""
        os.lseek(descriptor, 1024, os.SEEK_SET)  # beyond the text: a locked region cannot be read by others
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def lock_and_wait(descriptor: int) -> None:
        """Lock an open file once nobody else has it."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

    def unlock(descriptor: int) -> None:
        """Let go of it."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(descriptor: int) -> None:
        """Lock an open file, or raise OSError where another process has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def lock_and_wait(descriptor: int) -> None:
        """Lock an open file once nobody else has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def unlock(descriptor: int) -> None:
        """Let go of it."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _lock(descriptor: int) -> None:
    """Lock an open file; somebody who only looks whether it is free has it for a moment."""
    for _ in range(_TRIES):
        try:
            try_lock(descriptor)
        except OSError:
            time.sleep(_WAIT)
        else:
            return
    try_lock(descriptor)


class FileLock:
    """Holds `<path>.lock` until `release`; the operating system lets go of it when the process ends, however it ends.

    Raises:
        ConfigurationError: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except OSError:
            holder = os.pread(self._descriptor, 64, 0).decode(errors="replace").strip() if hasattr(os, "pread") else ""
            os.close(self._descriptor)
            raise ConfigurationError(
                f"the queue {path} is in use by process {holder or '(unknown)'}; stop it, or set service.queue.path"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let go of the lock; the file stays."""
        os.close(self._descriptor)
