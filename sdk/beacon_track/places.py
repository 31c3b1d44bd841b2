"""Where the files of an application's telemetry are: the choice of the user, and what waits to be sent."""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the names of our files in a state directory begin with.
OWN = (
    "pending-",
    "taken-",
    "journal-",
    "corrupt-",
    "part-",
    "installation-id",
    "notice-shown",
    "hold.json",
    "dropped.json",
    "flush.log",
    "queue.db",
)


def config_directory(app: str, environ: Mapping[str, str] = os.environ) -> str:
    r"""Return the directory of the user's choice, `consent.json`; nothing is made.

    `$XDG_CONFIG_HOME/beacon-track/APP` where that variable is set, whatever the system. Else `~/.config/...` on Linux,
    `~/Library/Application Support/...` on macOS, `%APPDATA%\...` on Windows.
    """
    return _below(environ, "XDG_CONFIG_HOME", "APPDATA", ".config", app)


def state_directory(app: str, environ: Mapping[str, str] = os.environ) -> str:
    r"""Return the directory of unsent events and of the installation's id, the spool; nothing is made.

    `$XDG_STATE_HOME/beacon-track/APP` where that variable is set, whatever the system. Else `~/.local/state/...` on
    Linux, `~/Library/Application Support/.../state` on macOS, `%LOCALAPPDATA%\...\state` on Windows.
    """
    directory = _below(environ, "XDG_STATE_HOME", "LOCALAPPDATA", os.path.join(".local", "state"), app)
    shared = sys.platform in ("darwin", "win32") and not environ.get("XDG_STATE_HOME")
    return os.path.join(directory, "state") if shared else directory


def temporary_directory(app: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return where unsent events go while the state directory cannot be written, such as in a read-only home."""
    base = environ.get("TMPDIR") or environ.get("TEMP") or "/tmp"  # noqa: S108 - private() checks who owns what is there
    user = os.getuid() if hasattr(os, "getuid") else environ.get("USERNAME", "user")
    return os.path.join(base, f"beacon-track-{user}-{app}")


def private(directory: str) -> bool:
    """Make a directory that only this user can read, with its parents, and say whether it is one; never raises.

    A directory or link of somebody else is refused: in a shared place, others could put it there first. So is a new
    directory of root's in the home of another user (`sudo`), which that user could not write later.
    """
    try:
        if not os.path.isdir(directory):
            if _root_at_another_users(directory):
                return False
            os.makedirs(directory, 0o700, exist_ok=True)
        status = os.lstat(directory)
        if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
            return False
        if os.name == "posix" and status.st_mode & 0o077:
            os.chmod(directory, 0o700)
        return os.access(directory, os.W_OK)
    except OSError:
        return False


def _below(environ: Mapping[str, str], xdg: str, windows: str, default: str, app: str) -> str:
    base = environ.get(xdg, "")
    if not os.path.isabs(base):  # XDG base directory specification: relative paths are ignored
        home = environ.get("HOME") or os.path.expanduser("~")
        if sys.platform == "win32":
            base = environ.get(windows) or home
        elif sys.platform == "darwin":
            base = os.path.join(home, "Library", "Application Support")
        else:
            base = os.path.join(home, default)
    return os.path.join(base, "beacon-track", app)


def _root_at_another_users(directory: str) -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    while not os.path.exists(directory):
        directory = os.path.dirname(directory)
    return os.stat(directory).st_uid != 0
