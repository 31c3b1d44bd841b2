"""What a long queue costs: putting in, taking out and settling while millions of events wait, against an empty queue.

Processor time in microseconds an event, of a queue that is full and one that is empty, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from beacon_core import Batch, Entry
from beacon_core.component import Host
from beacon_core.otlp import decode_request
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch
from machine import write_results
from records import Template

_EXPORTER = "splunk_hec"
BATCH = 100
ROUNDS = 15
_BATCHES = 50  # in a round
_TOGETHER = 200  # batches in one transaction while the queue is filled


def opened(path: Path) -> SqliteQueue:
    """Return a queue without a limit that could be reached."""
    queue = SqliteQueue(SqliteQueue.config_class.model_validate({"path": path, "max_bytes": "1TiB"}))
    queue.start(Host("queue"))
    return queue


def fill(queue: SqliteQueue, events: int) -> None:
    """Put so many small events in."""
    small = make_batch(BATCH)
    keys = count()
    for _ in range(0, events, BATCH * _TOGETHER):
        queue.put([Entry(f"filling/{next(keys)}", small, (_EXPORTER,)) for _ in range(_TOGETHER)])


def batches(first: int) -> list[Batch]:
    """Return the batches of a round, as they come from the decoder."""
    seeds = range(first, first + _BATCHES)
    bodies = [Template(BATCH, seed, "protobuf").fill(seed * BATCH) for seed in seeds]
    return [decode_request("/v1/logs", b, encoding="protobuf", received_unix_nano=1).batch for b in bodies]


def turn(queue: SqliteQueue, work: list[Batch]) -> float:
    """Put batches in, take as many out from the front, settle them; return microseconds of processor time an event."""
    begin = time.process_time()
    for batch in work:
        queue.put([Entry(batch.id, batch, (_EXPORTER,))])
        lease = queue.lease(_EXPORTER, max_events=BATCH, max_bytes=1 << 30, timeout=1.0)
        assert lease is not None
        queue.ack(lease)
    return (time.process_time() - begin) * 1e6 / (BATCH * len(work))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="that wait (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results, too")
    options = parser.parse_args()
    costs: dict[str, list[float]] = {"empty": [], "full": []}
    with tempfile.TemporaryDirectory(prefix="beacon-queued-") as folder:
        queues = {name: opened(Path(folder) / f"{name}.db") for name in costs}
        fill(queues["full"], options.events)
        # Both take what was put in a while ago from the file, so that only the length of the queue differs.
        fill(queues["empty"], BATCH * _TOGETHER)
        for number in range(options.rounds):
            work = batches(number * _BATCHES)
            for name, queue in queues.items():
                costs[name].append(turn(queue, work))
        for queue in queues.values():
            queue.shutdown(1)
    ratio = statistics.median(full / empty for empty, full in zip(costs["empty"], costs["full"], strict=True))
    for name, found in costs.items():
        print(f"{name:6} best {min(found):6.2f}  median {statistics.median(found):6.2f} us an event")
    print(f"ratio {ratio:.2f} with {options.events} events queued")
    if options.json:
        write_results(
            options.json, {"events": options.events, "rounds": options.rounds, "costs": costs, "ratio": ratio}
        )


if __name__ == "__main__":
    main()
