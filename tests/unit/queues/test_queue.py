"""What the queues do beyond their contract, which `tests/unit/testing/test_contracts_hold.py` checks."""

from __future__ import annotations

import pytest

from beacon_core import Entry, Host, QueueFullError
from beacon_core.queues.sqlite import MemoryQueue
from beacon_core.testing import make_batch


def test_a_request_that_never_fits_waits_even_where_the_oldest_may_be_dropped() -> None:
    queue = MemoryQueue(MemoryQueue.config_class(max_bytes=3000, when_full="drop_oldest"))
    queue.start(Host("queue"))
    small, large = make_batch(1, id="small"), make_batch(1, id="large", body="x" * 4000)
    queue.put([Entry("small", small, ("file",))])
    with pytest.raises(QueueFullError):
        queue.put([Entry("large", large, ("file",))])
    assert queue.backlogs()["file"].events == 1
    queue.shutdown(1)
