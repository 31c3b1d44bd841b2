"""Options of the `sqlite` and `memory` queues."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field

from beacon_core.config import ComponentConfig, Duration, Size


class MemoryQueueConfig(ComponentConfig):
    """Options of the `memory` queue."""

    max_bytes: Size = Field(default=ByteSize(1024**3), ge=1)
    """Bytes of accepted and not yet settled batches. A request larger than that is taken when the queue is empty."""

    when_full: Literal["reject", "drop_oldest"] = "reject"
    """What happens beyond that: receivers are told to slow down, or the oldest batches are dropped and counted."""

    dedup_window: Duration = 600.0
    """How long a request that is repeated byte for byte is recognized and not stored again; 0 switches that off."""

    lease_timeout: Duration = Field(default=600.0, gt=0)
    """After how long a batch is taken away from an exporter that neither delivers nor fails, and delivered again."""


class SqliteQueueConfig(MemoryQueueConfig):
    """Options of the `sqlite` queue."""

    path: Path | None = None
    """The queue's file; default: `queue.db` in the user's state folder for `beacon`. One process a file."""


def default_path() -> Path:
    """Return the queue's file where none is configured."""
    from platformdirs import user_state_path  # noqa: PLC0415 - needed only where no path is configured

    return user_state_path("beacon", appauthor=False) / "queue.db"
