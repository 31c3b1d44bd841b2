"""Compression of files that are put aside: gzip, or zstd where Python or its backport has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from beacon_core import ConfigurationError
from beacon_file.target import FILE_MODE

Compression: TypeAlias = Literal["none", "gzip", "zstd"]

#: What is added to the name of a compressed file.
SUFFIXES: dict[Compression, str] = {"gzip": ".gz", "zstd": ".zst"}

_PIECE = 1024 * 1024


def require(compression: Compression) -> None:
    """Make sure that files can be compressed in this way.

    Raises:
        ConfigurationError: what that takes is not installed.
    """
    if compression == "zstd":
        _zstd()


def write_compressed(source: Path, target: Path, compression: Compression) -> None:
    """Write the compressed form of a file to another one, private and on the disk itself when this returns.

    Raises:
        OSError: it could not be read or written.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), FILE_MODE)
    with os.fdopen(descriptor, "wb") as raw, source.open("rb") as lines:
        with _STREAMS[compression](raw) as compressed:
            shutil.copyfileobj(lines, compressed, _PIECE)
        raw.flush()
        os.fsync(raw.fileno())


def _zstd() -> Any:
    """Return `compression.zstd` (Python 3.14, PEP 784), or the package that brings it to older ones."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ConfigurationError("compression zstd is not installed; pip install 'beacon-file[zstd]', or use gzip")


def _gzip_stream(raw: IO[bytes]) -> AbstractContextManager[Any]:
    import gzip  # noqa: PLC0415 - only who compresses pays for it

    return gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw)


def _zstd_stream(raw: IO[bytes]) -> AbstractContextManager[Any]:
    return _zstd().ZstdFile(raw, "w")  # type: ignore[no-any-return]


_STREAMS: dict[Compression, Callable[[IO[bytes]], AbstractContextManager[Any]]] = {
    "gzip": _gzip_stream,
    "zstd": _zstd_stream,
}
