"""The options of the file exporter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from beacon_core import ComponentConfig, ExporterConfig


class RotationOptions(ComponentConfig):
    """When a file is closed and put aside, and what becomes of the old ones."""

    max_megabytes: float = Field(default=100, gt=0)
    """Size in MiB above which the file is put aside and a new one begun; a batch is never divided between two files."""

    max_backups: int = Field(default=10, ge=0)
    """How many rotated files are kept; the oldest are deleted. 0 keeps all."""

    compression: Literal["none", "gzip"] = "none"
    """Compression of the rotated files; the file that is being written is never compressed."""

    @property
    def max_bytes(self) -> int:
        """The size limit in bytes."""
        return int(self.max_megabytes * 1024 * 1024)


class FileConfig(ExporterConfig):
    """Options of `file`."""

    path: str = Field(min_length=1)
    """File to append to; `~` is the home directory, a relative path is relative to the working directory at start."""

    fsync: bool = True
    """Write every batch to the disk itself before it counts as delivered. Without it a power loss can lose lines."""

    rotation: RotationOptions | None = RotationOptions()
    """Rotation by size; `null` switches it off."""
