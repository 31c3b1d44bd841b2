"""Queues with something in them, and a process that holds one: for the tests that look into a file from outside."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from beacon_core import Entry, Host, Lease
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch


def open_queue(path: Path) -> SqliteQueue:
    queue = SqliteQueue(SqliteQueue.config_class(path=path))
    queue.start(Host("queue"))
    return queue


def take(queue: SqliteQueue, exporter: str = "splunk") -> Lease:
    lease = queue.lease(exporter, max_events=1000, max_bytes=1 << 20, timeout=0)
    assert lease is not None
    return lease


def fill(queue: SqliteQueue) -> None:
    """Put four batches of three events in for two exporters; splunk refuses two events, file has delivered a batch."""
    for name in "abcd":
        queue.put([Entry(name, make_batch(3, id=name), ("file", "splunk"))])
    lease = take(queue)
    queue.dead_letter(lease, {"a-0": "HTTP 400: no such index", "c-2": "too large"})
    queue.nack(lease)
    lease = take(queue, "file")
    queue.ack(lease, {"a-0", "a-1", "a-2", "b-1"})
    queue.nack(lease)


HOLDER = """
import json, pathlib, sys
from beacon_core import Entry, Host
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch
queue = SqliteQueue(SqliteQueue.config_class(path=pathlib.Path(sys.argv[1])))
queue.start(Host("queue"))
for line in sys.stdin:
    queue.put([Entry(line, make_batch(3, id=line.strip()), ("file",))])
    print(json.dumps({name: each.events for name, each in queue.backlogs().items()}), flush=True)
queue.shutdown(1)
"""


class Holder:
    """Another process that has a queue open; SQLite and locks work differently within one process."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def put(self, name: str) -> dict[str, int]:
        """Put three events in for `file`; return the events that wait, by exporter."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(name, file=self.process.stdin, flush=True)
        waiting: dict[str, int] = json.loads(self.process.stdout.readline())
        return waiting


def change(path: Path, statement: str, *parameters: object) -> None:
    database = sqlite3.connect(path)
    database.execute(statement, parameters)
    database.commit()
    database.close()
