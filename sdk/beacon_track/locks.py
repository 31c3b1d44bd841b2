"""Locks on files that a process has, which others see where they cannot see the process."""

from __future__ import annotations

import os
import sys

#: Whether there are such locks. On Windows an open file can be neither renamed nor deleted, which does the same.
KNOWN = sys.platform != "win32"


def lock(descriptor: int, process: int = 0) -> bool:
    """Lock a file until it is closed everywhere; say no if it is locked already.

    Args:
        descriptor: of the file, open; negative where there are no locks.
        process: number of the process that had it, which decides on a file system without locks.
    """
    if sys.platform == "win32" or descriptor < 0:
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        from beacon_track import spool

        return not spool.alive(process)
    return True


def close(descriptor: int) -> None:
    """Close a file, which ends its lock."""
    if descriptor >= 0:
        os.close(descriptor)
