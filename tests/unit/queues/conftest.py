"""Queues as files, for the tests that look into them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.queues.support import Holder, fill, open_queue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A queue that nobody has open."""
    queue = open_queue(tmp_path / "state" / "queue.db")
    fill(queue)
    queue.shutdown(1)
    return tmp_path / "state" / "queue.db"


@pytest.fixture
def holder(path: Path) -> Iterator[Holder]:
    """A process that has the queue open, its latest batch in the write-ahead log."""
    holder = Holder(path)
    with holder.process:
        assert holder.put("e") == {"file": 11, "splunk": 10}
        yield holder
        holder.process.kill()
