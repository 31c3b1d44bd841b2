"""The lines of a file that the file exporter wrote, with its rotated parts, plain or compressed, of any size."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from beacon_core.errors import BeaconError

#: Longest line that is read; the file exporter writes none that is longer.
LONGEST_LINE = 16 * 1024 * 1024

#: A line that is none: it stands for what cannot be unpacked.
DAMAGED = b"\0"

_ROTATED = r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-\d{4,}"
_ENDS = ("", ".gz", ".zst")


class UnreadableFileError(BeaconError):
    """A file cannot be read; says which and why."""


def parts(path: Path) -> list[Path]:
    """Return a file and what rotation has put aside of it, the oldest first (`beacon_file/rotation.py` has the names).

    Args:
        path: the file that the exporter writes to, or any other one.

    Raises:
        UnreadableFileError: there is neither the file nor a rotated part of it.
    """
    pattern = re.compile(rf"({re.escape(path.stem)}{_ROTATED}{re.escape(path.suffix)})(?:\.gz|\.zst)?")
    folder = path.parent
    try:
        names = {match[1] for entry in folder.iterdir() if (match := pattern.fullmatch(entry.name))}
    except OSError as error:
        raise _unreadable(path, error) from error
    found = [_form(folder / name) for name in sorted(names)] + ([path] if path.exists() else [])
    if not found:
        raise UnreadableFileError(f"{path}: there is no such file; the file exporter's option path says where it is")
    return found


def lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines without their ends; one that is longer than `LONGEST_LINE` as its beginning.

    Where a compressed file is damaged it ends with the line `DAMAGED`.

    Raises:
        UnreadableFileError: it cannot be read, or not to its end.
    """
    try:
        with path.open("rb") as raw, _unpacked(path, raw) as stream:
            yield from split_lines(stream)
    except _damage(path):
        yield DAMAGED
    except OSError as error:
        raise _unreadable(path, error) from error


def _form(path: Path) -> Path:
    """Return the form in which a rotated file is there; while it is being compressed the plain one is the whole one."""
    return next(form for end in _ENDS if (form := path.with_name(path.name + end)).exists() or end == _ENDS[-1])


def split_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of an open file without their ends; one that is longer than `LONGEST_LINE` as its beginning."""
    while line := stream.readline(LONGEST_LINE):
        yield line.rstrip(b"\r\n")
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)


def _unpacked(path: Path, raw: IO[bytes]) -> AbstractContextManager[Any]:
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    return _zstd(path).ZstdFile(raw) if path.suffix == ".zst" else nullcontext(raw)


def _damage(path: Path) -> tuple[type[Exception], ...]:
    """Return the errors that mean that a compressed file is damaged."""
    if path.suffix == ".zst":
        return (EOFError, _zstd(path).ZstdError)
    return (EOFError, zlib.error, gzip.BadGzipFile)


def _zstd(path: Path) -> Any:
    """Return `compression.zstd` (Python 3.14, PEP 784), or the package that brings it to older ones."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UnreadableFileError(
        f"{path}: reading it takes zstd; pip install 'beacon-file[zstd]', or unpack it with unzstd"
    )


def _unreadable(path: Path, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: {getattr(error, 'strerror', None) or type(error).__name__}")
