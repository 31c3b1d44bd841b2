"""One process of a bad day of the file exporter, for `test_file_many_events.py`: fill the queue, die, or go on."""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from beacon_core import Batch, BatchOptions, ComponentConfig, Consumer, Entry, Host, Receiver, RetryOptions
from beacon_core.config import PipelineOptions
from beacon_core.loader import Graph
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.service import Service
from beacon_core.testing import make_event
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter

COUNT, EACH = 10_000, 200
POISON, LARGE = 1234, 7777
FAST = RetryOptions(initial_interval=0.001, max_interval=0.01, hold_interval=0.02)


class Nothing(Receiver):
    """Has nothing to hand over: everything is queued already."""

    def run(self, consumer: Consumer) -> None:
        pass


class BadDay(FileExporter):
    """Meets a fault before some of its attempts."""

    attempt = 0

    def export(self, batch: Batch) -> None:
        self.attempt += 1
        path = Path(self.config.path)
        match self.attempt:
            case 3 | 4:  # no room in the middle of a write
                with limited(path.stat().st_size + 20_000):
                    super().export(batch)
                return
            case 6:  # logrotate
                path.rename(path.with_name("logrotate"))
            case 8:  # the folder is gone
                path.parent.rename(path.parent.with_name("gone"))
            case 10:  # and something else is in its place
                path.parent.rename(path.parent.with_name("gone-again"))
                path.parent.touch()
            case 12:
                path.parent.unlink()
        super().export(batch)


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file become larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def queue_in(folder: Path) -> SqliteQueue:
    return SqliteQueue(SqliteQueue.config_class(path=folder / "queue.db"))


def fill(folder: Path) -> None:
    """Queue the events of the day."""
    events = [make_event(n, id=f"many-{n}") for n in range(COUNT)]
    events[POISON] = msgspec.structs.replace(events[POISON], attributes={"bad": {1: 2}})  # which JSON can say
    events[LARGE] = msgspec.structs.replace(events[LARGE], body="x" * 200_000)
    queue = queue_in(folder)
    queue.start(Host("queue"))
    queue.put(
        [
            Entry(str(start), Batch(f"many{start}", tuple(events[start : start + EACH])), ("out",))
            for start in range(0, COUNT, EACH)
        ]
    )
    queue.shutdown(5)


def deliver(folder: Path, exporter: FileExporter) -> dict[str, Any]:
    """Deliver what is queued and return the exporter's part of the receipt."""
    graph = Graph(
        receivers={"in": Nothing(ComponentConfig())},
        processors={},
        exporters={"out": exporter},
        exporter_configs={"out": exporter.config},
        queue=queue_in(folder),
        pipelines={"p": PipelineOptions(receivers=["in"], exporters=["out"])},
    )
    receipt = Service(graph).run()
    assert receipt.balanced
    line = receipt.exporters["out"]
    names = ("carried_over", "delivered", "dead_lettered", "possibly_duplicated", "queued")
    return {name: getattr(line, name) for name in names}


def main(phase: str, folder: Path, line_format: str) -> None:
    options = {
        "path": str(folder / "out" / "out.jsonl"),
        "format": line_format,
        "max_line_bytes": 100_000,
        "rotation": None,
        "retry_on_failure": FAST,
        "batch": BatchOptions(max_events=500),
    }
    config = FileConfig.model_validate(options)
    match phase:
        case "fill":
            fill(folder)
        case "die":  # by the signal that a write beyond the limit brings: in the middle of it
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with limited(Path(config.path).stat().st_size + 700_000):
                deliver(folder, FileExporter(config))
        case "go on":
            print(json.dumps(deliver(folder, BadDay(config))))  # noqa: T201 - what the test reads


main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
