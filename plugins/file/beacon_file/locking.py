"""Locks on open files, where the system has them: several processes may then write to one file, one after the other."""

from __future__ import annotations

import errno
import sys

if sys.platform != "win32":
    import fcntl

#: The file system has no locks (NFS without its lock service, some FUSE file systems).
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class Lock:
    """The lock of an open file (flock(2)): held until it is released or the file is closed, also by a kill.

    Attributes:
        real: False where there are no locks, so that having it says nothing about other processes.
    """

    def __init__(self) -> None:
        self.real = sys.platform != "win32"

    def take(self, descriptor: int) -> bool:
        """Take the lock and return True; False if another one has it. Does not wait.

        Raises:
            OSError: an I/O error.
        """
        if sys.platform != "win32":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self.real = False
        return True

    def release(self, descriptor: int) -> None:
        """Give the lock back."""
        if sys.platform != "win32" and self.real:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
