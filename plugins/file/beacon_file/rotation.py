"""What becomes of a file that is full: a name of its own, compression, and an end when there are too many."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from beacon_file.target import FILE_MODE, sync_directory

_TIME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ"


def rotated_path(path: Path, now: int) -> Path:
    """Return a free name beside `path`: the time in UTC, then a counter, so that names sort by age.

    Args:
        path: the file that is put aside, such as `out.jsonl`; the name is then `out-2026-01-31T12-00-00Z-0000.jsonl`.
        now: Unix nanoseconds.
    """
    time = datetime.fromtimestamp(now // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    names = (path.with_name(f"{path.stem}-{time}-{number:04d}{path.suffix}") for number in count())
    return next(name for name in names if not name.exists() and not _compressed(name).exists())


def put_aside(path: Path, now: int) -> Path:
    """Rename the closed file at `path` and return its new name."""
    target = rotated_path(path, now)
    path.rename(target)
    sync_directory(path.parent)
    return target


def rotated_paths(path: Path) -> list[Path]:
    """Return the rotated files of `path`, oldest first, by the names they have or had before compression."""
    pattern = re.compile(rf"({re.escape(path.stem)}-{_TIME}-\d{{4,}}{re.escape(path.suffix)})(?:\.gz)?")
    matches = (pattern.fullmatch(name) for name in os.listdir(path.parent))  # noqa: PTH208 - names are enough
    return [path.with_name(name) for name in sorted({match[1] for match in matches if match})]


def delete_oldest(path: Path, keep: int) -> None:
    """Delete rotated files of `path` until `keep` are left; 0 keeps all."""
    for name in rotated_paths(path)[:-keep] if keep else []:
        name.unlink(missing_ok=True)
        _compressed(name).unlink(missing_ok=True)


def compress_all(path: Path) -> None:
    """Compress the rotated files of `path` that are not yet compressed, also those that a crash left behind."""
    for name in rotated_paths(path):
        if name.exists():
            _compress(name)


def _compress(path: Path) -> None:
    """Replace a file by its gzip form; at every moment one of the two is there and whole."""
    target = _compressed(path)
    if not target.exists():
        temporary = target.with_name(target.name + ".tmp")
        try:
            _write_gzip(path, temporary)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        temporary.replace(target)
        sync_directory(path.parent)
    path.unlink()


def _write_gzip(source: Path, target: Path) -> None:
    import gzip  # noqa: PLC0415 - only who compresses pays for it
    import shutil  # noqa: PLC0415 - as above

    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), FILE_MODE)
    with os.fdopen(descriptor, "wb") as raw, source.open("rb") as lines:
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw) as compressed:
            shutil.copyfileobj(lines, compressed, 1024 * 1024)
        raw.flush()
        os.fsync(raw.fileno())


def _compressed(path: Path) -> Path:
    return path.with_name(path.name + ".gz")
