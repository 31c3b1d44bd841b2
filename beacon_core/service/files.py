"""Writes the small files that tell other programs about a run: whole or not at all, readable by the owner only."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import TypeAlias

import msgspec

from beacon_core.errors import ConfigurationError
from beacon_core.files import write_private


def check_writable(path: Path) -> None:
    """Make the folder of a file that is to be written later, and see that it can be.

    Raises:
        ConfigurationError: it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


#: Where each receiver listens, by its id and by protocol.
Endpoints: TypeAlias = dict[str, dict[str, str]]


def write_ready(path: Path, endpoints: Endpoints, admin_url: str, **more: object) -> None:
    """Write the ready file: who runs, where it listens, and `more`.

    Raises:
        OSError: as `write_json`.
    """
    admin = {"telemetry": {"endpoint": admin_url}} if admin_url else {}
    write_json(path, {"pid": os.getpid(), "endpoints": endpoints, **admin, **more})


def write_json(path: Path, content: object) -> None:
    """Write `content` as indented JSON; a reader sees the old file or the new one, never half of one.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    write_private(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
