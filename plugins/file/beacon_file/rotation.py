"""What becomes of a file that is full or old: a name of its own, compression, and an end when there are too many."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from beacon_file.compression import SUFFIXES, Compression, write_compressed
from beacon_file.config import RotationOptions
from beacon_file.locking import Lock
from beacon_file.target import sync_directory

_TIME = r"(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)"
_TIME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
_SECOND = 1_000_000_000


def is_due(
    options: RotationOptions, *, size: int, more: int, modified: Callable[[], int], clock: Callable[[], int]
) -> bool:
    """Whether a file is to be put aside before more is written to it.

    Args:
        options: the limits.
        size: bytes that it has; an empty file is never put aside.
        more: bytes that are to be written.
        modified: returns when it was written to last, in Unix nanoseconds.
        clock: returns the time, likewise.
    """
    if size == 0:
        return False
    if size + more > options.max_bytes:
        return True
    period = int(options.interval * _SECOND)
    return period > 0 and modified() // period < clock() // period


def rotated_path(path: Path, now: int) -> Path:
    """Return a free name beside `path`: the time in UTC, then a counter, so that names sort by age.

    Args:
        path: the file that is put aside, such as `out.jsonl`; the name is then `out-2026-01-31T12-00-00Z-0000.jsonl`.
        now: Unix nanoseconds.
    """
    time = datetime.fromtimestamp(now // _SECOND, UTC).strftime(_TIME_FORMAT)
    names = (path.with_name(f"{path.stem}-{time}-{number:04d}{path.suffix}") for number in count())
    return next(name for name in names if not any(form.exists() for form in _forms(name)))


def rotated_paths(path: Path) -> list[Path]:
    """Return the rotated files of `path`, oldest first, by the names they have or had before compression."""
    return [path.with_name(name) for name in sorted(_rotated(path))]


def delete_oldest(path: Path, keep: int, max_days: float = 0, now: int = 0) -> None:
    """Delete rotated files of `path` that are too many or too old.

    Args:
        path: the file that they were.
        keep: how many are kept; 0 keeps all.
        max_days: how old they get, by the time in their names; 0 keeps all.
        now: the time, in Unix nanoseconds.
    """
    found = _rotated(path)
    doomed = set(sorted(found)[:-keep]) if keep else set()
    if max_days:
        oldest = datetime.fromtimestamp(now // _SECOND, UTC) - timedelta(days=max_days)
        doomed |= {name for name, time in found.items() if time < oldest}
    for name in doomed:
        whole = path.with_name(name)
        for form in _forms(whole):
            form.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # of a crash while compressing; mostly there is none
                _unfinished(form).unlink()


def compress_all(path: Path, compression: Compression = "gzip") -> None:
    """Compress the rotated files of `path` that are not yet compressed, also those that a crash left behind.

    What another process is compressing just now is left to it.
    """
    for name in rotated_paths(path):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            _compress(name, compression)


def _rotated(path: Path) -> dict[str, datetime]:
    """Return the names of the rotated files of `path`, without what compression adds, and their times."""
    ends = "|".join(map(re.escape, SUFFIXES.values()))
    pattern = re.compile(rf"(?P<name>{re.escape(path.stem)}-{_TIME}-\d{{4,}}{re.escape(path.suffix)})(?:{ends})?")
    found = {}
    for name in os.listdir(path.parent):  # noqa: PTH208 - names are enough
        match = pattern.fullmatch(name)
        if match is not None:
            with contextlib.suppress(ValueError):  # no such day: not ours
                found[match["name"]] = datetime.strptime(match["time"], _TIME_FORMAT).replace(tzinfo=UTC)
    return found


def _compress(path: Path, compression: Compression) -> None:
    """Replace a file by its compressed form; at every moment one of the two is there and whole."""
    lock = Lock()
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        if not lock.take(descriptor):
            return
        path.stat()  # gone if another process had the lock until now
        if not any(form.exists() for form in _forms(path)[1:]):
            _write_whole(path, path.with_name(path.name + SUFFIXES[compression]), compression)
        if lock.real:
            path.unlink()
    finally:
        os.close(descriptor)
    if not lock.real:  # Windows deletes no open file
        path.unlink()


def _write_whole(source: Path, target: Path, compression: Compression) -> None:
    temporary = _unfinished(target)
    try:
        write_compressed(source, temporary, compression)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    temporary.replace(target)
    sync_directory(target.parent)


def _forms(path: Path) -> list[Path]:
    """Return the names that a rotated file can have: its own, and one for each compression."""
    return [path, *(path.with_name(path.name + end) for end in SUFFIXES.values())]


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")
