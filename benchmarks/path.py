"""What each stage of the main path costs an event, without HTTP: decode, sanitize, queue, HEC objects, gzip.

Run it on an idle machine: python benchmarks/path.py [FOLDER OF otlpgen.py]. One thread, every batch new to it; the
median of the rounds. The yardstick, the decoder of the bare sketch in that folder, runs in turns with the stages and
tells machines apart.
"""

from __future__ import annotations

import importlib
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from beacon_core import Batch, Entry, Host, gzip_body
from beacon_core.otlp import decode_request
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.queues.sqlite import SqliteQueue, SqliteQueueConfig
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.encoding import Encoder
from beacon_splunk.layout import layout_of

SIZE = 100
TOGETHER = 6  # batches in a request to the destination: what fits into 512 KiB
REQUESTS = 20  # in a round
ROUNDS = 9
GENERATOR = Path(__file__).parents[1].parent / "shared" / "bench"

T = TypeVar("T")


class Stages:
    """Adds up what each stage costs."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Do some work on account of a stage."""
        begin = time.thread_time()
        result = work()
        self.seconds[stage] += time.thread_time() - begin
        return result


def decode(body: bytes) -> Batch:
    return decode_request("/v1/logs", body, encoding="protobuf", received_unix_nano=1).batch


def put(queue: SqliteQueue, batch: Batch) -> None:
    queue.put([Entry(batch.id, batch, ("splunk_hec",))])


def encode(encoder: Encoder, batch: Batch) -> bytes:
    return b"\n".join([each for event in batch for each in encoder.encode(event).objects])


def run(bodies: list[bytes], queue: SqliteQueue, sanitize: SanitizeProcessor, yardstick: Callable[[bytes], Any]) -> Any:
    """Send bodies down the path; return the seconds of each stage."""
    layout = layout_of(SplunkHecConfig.model_validate({"endpoint": "http://127.0.0.1:9", "token": "unused"}))
    stages = Stages()
    for first in range(0, len(bodies), TOGETHER):
        for body in bodies[first : first + TOGETHER]:
            stages.time("yardstick: the sketch's decoder", lambda body=body: yardstick(body))
            batch = stages.time("decode", lambda body=body: decode(body))
            clean = stages.time("sanitize", lambda batch=batch: sanitize.process(batch))
            stages.time("put", lambda clean=clean: put(queue, clean))
        lease = stages.time("lease", lambda: queue.lease("splunk_hec", max_events=1000, max_bytes=1 << 20, timeout=0))
        assert lease is not None
        sent = Batch("sent", lease.events)
        content = stages.time("HEC objects", lambda sent=sent: encode(Encoder(layout), sent))
        stages.time("gzip", lambda content=content: gzip_body(content))
        stages.time("acknowledge", lambda lease=lease: queue.ack(lease))
    return stages.seconds


def main() -> None:
    sys.path.insert(0, str(Path(sys.argv[1]) if sys.argv[1:] else GENERATOR))
    generator, floor = importlib.import_module("otlpgen"), importlib.import_module("floor_decode")
    templates = [generator.encode(SIZE, seed, "protobuf") for seed in range(10)]
    sanitize = SanitizeProcessor(SanitizeConfig())
    sanitize.start(Host("sanitize"))
    rounds = []
    with tempfile.TemporaryDirectory(dir=".") as folder:  # the disk that is synced is the one this is run on
        queue = SqliteQueue(SqliteQueueConfig(path=Path(folder) / "queue.db"))
        queue.start(Host("queue"))
        for number in range(ROUNDS):
            ids = range(number * REQUESTS * TOGETHER, (number + 1) * REQUESTS * TOGETHER)
            bodies = [templates[i % 10].replace(generator.PLACEHOLDER.encode(), b"%010d" % i) for i in ids]
            rounds.append(run(bodies, queue, sanitize, floor.decode_protobuf))
        queue.shutdown(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}; µs of CPU an event, and relative to the yardstick"
    )
    events = REQUESTS * TOGETHER * SIZE
    for stage in rounds[0]:
        cost = statistics.median(each[stage] for each in rounds) * 1e6 / events
        share = statistics.median(each[stage] / each["yardstick: the sketch's decoder"] for each in rounds)
        print(f"{stage:32}{cost:8.2f}{share:8.2f}")


if __name__ == "__main__":
    main()
