"""Imports a module and prints what its distribution's own code touches meanwhile; run by `beacon plugins check`.

What libraries do when they are imported is their business: an event counts if the code that caused it, past the
standard library, is in the package or module that was asked for.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

#: Starts of audit events (Python documentation, "Audit events table") that have no place in an import.
_TOUCHES = ("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.system", "os.exec", "sqlite3.connect")
_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.chmod", "os.link", "os.symlink")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS = {"socket.gethostname"}


def main(module: str) -> None:
    """Import a module and print a line for each thing that it touches."""
    own = _home(module.partition(".")[0])
    found: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _matters(event, arguments) and (where := _culprit(sys._getframe(1), own)):  # noqa: SLF001 - the only way
            what = f" {arguments[0]!r}" if arguments and isinstance(arguments[0], str | int) else ""
            found.append(f"{where} {event}{what}")

    sys.addaudithook(hook)
    import_module(module)
    found.extend(
        f"thread {each.name!r} is running" for each in threading.enumerate() if each is not threading.main_thread()
    )
    for line in found:
        print(line)  # noqa: T201 - what the command reads


def _home(top: str) -> str:
    """Return the folder of a top-level package, the file of a top-level module."""
    spec = find_spec(top)
    places = (spec.submodule_search_locations or [spec.origin or top]) if spec else [top]
    return os.path.realpath(places[0])


def _matters(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return bool((arguments[2] or 0) & _WRITE_FLAGS)
    return event.startswith((*_TOUCHES, *_CHANGES)) and event not in _HARMLESS


def _culprit(frame: FrameType | None, own: str) -> str:
    """Return file and line of what caused an event, if that is the plugin's code; else nothing."""
    paths = sysconfig.get_paths()
    library, packages = os.path.realpath(paths["stdlib"]), os.path.realpath(paths["purelib"])
    while frame is not None:
        file = frame.f_code.co_filename
        real = os.path.realpath(file)
        if not file.startswith("<") and (real.startswith(packages) or not real.startswith(library)):
            return f"{file}:{frame.f_lineno}" if real == own or real.startswith(own + os.sep) else ""
        frame = frame.f_back
    return ""


if __name__ == "__main__":
    main(sys.argv[1])
