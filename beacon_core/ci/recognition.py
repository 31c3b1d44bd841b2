"""Tells files that Beacon wrote from those of anybody else, by what stands in them.

A name is no proof: a base directory may be a workspace with a `pipeline.yaml` of its own, and a state file can be
edited. So what is overwritten or deleted has to look like ours as well.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

PIPELINE_HEAD = b"# The pipeline in effect, written by beacon run."
LOG_HEAD = b"# Log of a sidecar, written by beacon ci."
_SQLITE_HEAD, _SQLITE_ID = b"SQLite format 3\0", slice(68, 72)  # https://www.sqlite.org/fileformat.html, 1.3
_APPLICATION_ID = 0x4265636E.to_bytes(4, "big")  # of Beacon's queues
_MAX_JSON = 1024 * 1024
_MAX_LINE = 8 * 1024 * 1024


def is_ours(path: Path) -> bool:
    """Say whether a file is one that Beacon writes under that name; an empty one was about to become it."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return False
        check = _CHECKS.get(path.name, _is_state if path.suffix == ".json" else _is_log)
        return found.st_size == 0 or check(path)
    except (OSError, ValueError, RecursionError):
        return False


def _starts_with(head: bytes) -> Callable[[Path], bool]:
    def check(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(head)) == head

    return check


def _has(*keys: str) -> Callable[[Path], bool]:
    def check(path: Path) -> bool:
        with path.open("rb") as file:
            found: Any = json.loads(file.read(_MAX_JSON))
        return isinstance(found, dict) and all(key in found for key in keys)

    return check


def _is_log(path: Path) -> bool:
    """Look at the first line: an event as the file exporter writes it."""
    with path.open("rb") as file:
        found: Any = json.loads(file.readline(_MAX_LINE))
    return isinstance(found, dict) and {"id", "signal", "time_unix_nano"} <= found.keys()


def _is_queue(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_SQLITE_ID.stop)
    if not head.startswith(_SQLITE_HEAD):
        return False
    # After a SIGKILL the number may still be in the write-ahead log; the lock's file is there then.
    in_log = head[_SQLITE_ID] == bytes(4) and path.with_name(f"{path.name}.lock").exists()
    return head[_SQLITE_ID] == _APPLICATION_ID or in_log


_is_state = _has("version", "nonce", "pid")
_CHECKS: dict[str, Callable[[Path], bool]] = {
    "pipeline.yaml": _starts_with(PIPELINE_HEAD),
    "collector.log": _starts_with(LOG_HEAD),
    "session.json": _is_state,
    "receipt.json": _has("balanced", "exporters"),
    "ready.json": _has("pid", "endpoints"),
    "queue.db": _is_queue,
}
