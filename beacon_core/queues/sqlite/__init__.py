"""The durable queue, one SQLite file for all exporters, and the same without a file."""

from beacon_core.queues.sqlite.config import MemoryQueueConfig, SqliteQueueConfig
from beacon_core.queues.sqlite.queue import MemoryQueue, SqliteQueue

__all__ = ["MemoryQueue", "MemoryQueueConfig", "SqliteQueue", "SqliteQueueConfig"]
