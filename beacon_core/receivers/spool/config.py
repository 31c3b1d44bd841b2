"""The options of the `spool` receiver."""

from __future__ import annotations

from pathlib import Path

from pydantic import ByteSize, Field

from beacon_core.config import ComponentConfig, Duration, Size


class SpoolConfig(ComponentConfig):
    """Options of the `spool` receiver."""

    directory: Path
    """The folder in which programs leave their files; it need not be there yet."""

    poll_interval: Duration = Field(default=5.0, gt=0)
    """How long to wait before looking for files again, if there were none."""

    max_age: Duration = Field(default=7 * 86400.0, gt=0)
    """What was left longer ago than this is removed unread, and counted."""

    max_files: int = Field(default=100, ge=1)
    """Files that may stay in the folder, waiting for a queue that takes nothing, or set aside because they are damaged;
    of more, the oldest are removed, and counted. As many as there are are taken while the queue takes them."""

    max_line_bytes: Size = Field(default=ByteSize(1024 * 1024), ge=1)
    """A longer line is damaged: a line is one event."""
