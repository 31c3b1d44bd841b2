"""What each stage of the way through Beacon costs an event, in one process, with the project's own code.

Processor time in microseconds an event, by the size of the batch; the wall time shows in addition what waits for the
disk. Every round has new events, so that nothing that is remembered helps. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import gzip
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from beacon_core import Batch, Processor, encode_batch
from beacon_core.component import Host
from beacon_core.otlp import decode_request
from beacon_core.processors.canonicalize import CanonicalizeProcessor
from beacon_core.processors.fingerprint import FingerprintProcessor
from beacon_core.processors.sanitize import SanitizeProcessor
from beacon_core.queue import Entry, Lease, Queue
from beacon_core.queues.sqlite import SqliteQueue
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.encoding import Body, Encoder
from beacon_splunk.layout import layout_of
from machine import write_results
from records import Encoding, Template

In = TypeVar("In")
Out = TypeVar("Out")

SIZES = (1, 10, 100)
EVENTS = 2000  # in a round
_MOST = 200  # batches in a round: small ones wait long for the disk
ROUNDS = 15
_GZIP_LEVEL = 1  # that of the Splunk exporter
_EXPORTER = "splunk_hec"
_LARGEST = 5_000_000  # bytes of an event, as the exporter has it


@dataclass
class Cost:
    """Microseconds an event, one value a round."""

    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Return what is shown."""
        return {
            "best": min(self.processor),
            "median": statistics.median(self.processor),
            "wall_median": statistics.median(self.wall),
        }


class Stopwatch:
    """Times stages; keeps the costs of all rounds by stage."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}
        self.size = 1

    def time(self, stage: str, work: Callable[[In], Out], inputs: Sequence[In]) -> list[Out]:
        """Do the work for every input; return what came out."""
        wall, processor = time.perf_counter(), time.process_time()
        results = [work(each) for each in inputs]
        spent, passed = time.process_time() - processor, time.perf_counter() - wall
        cost = self.costs.setdefault(stage, Cost())
        events = self.size * len(inputs)
        cost.processor.append(spent * 1e6 / events)
        cost.wall.append(passed * 1e6 / events)
        return results


@dataclass
class Stages:
    """The components on the way, started."""

    processors: dict[str, Processor]
    queue: Queue
    encoder: Encoder
    numbers: Iterator[int] = field(default_factory=count)

    def round(self, watch: Stopwatch, batches: int) -> None:
        """Send so many batches through all stages."""
        first = [next(self.numbers) for _ in range(batches)]
        size = watch.size
        protobuf = [Template(size, seed, "protobuf").fill(seed * size) for seed in first]
        jsons = [Template(size, seed, "json").fill(seed * size) for seed in first]
        decoded = watch.time("decode protobuf", lambda body: _decode(body, "protobuf"), protobuf)
        watch.time("decode JSON", lambda body: _decode(body, "json"), jsons)
        for name, processor in self.processors.items():
            decoded = watch.time(name, processor.process, decoded)
        watch.time("encode for the queue", encode_batch, decoded)
        entries = [[Entry(batch.id, batch, (_EXPORTER,))] for batch in decoded]
        watch.time("encode and commit (SQLite, fsync)", self.queue.put, entries)
        leases = watch.time("lease and decode", lambda _: self._lease(size), first)
        bodies = watch.time("encode for HEC", self._encode, decoded)
        watch.time("gzip", lambda body: gzip.compress(body, _GZIP_LEVEL, mtime=0), bodies)
        settled = watch.time("settle (SQLite, fsync)", self.queue.ack, leases)
        if sum(settled) != size * batches:
            raise RuntimeError(f"{sum(settled)} events came out of the queue, {size * batches} went in")

    def _lease(self, size: int) -> Lease:
        lease = self.queue.lease(_EXPORTER, max_events=size, max_bytes=1 << 30, timeout=1.0)
        assert lease is not None
        return lease

    def _encode(self, batch: Batch) -> bytes:
        body = Body()
        for event in batch:
            body.add(event.id, *self.encoder.encode(event), largest=_LARGEST)
        return bytes(body.text)


def _decode(body: bytes, encoding: Encoding) -> Batch:
    return decode_request("/v1/logs", body, encoding=encoding, received_unix_nano=1).batch


@contextmanager
def started() -> Iterator[Stages]:
    """Start the components, in a folder of their own."""
    kinds: dict[str, type[Processor]] = {
        "fingerprint": FingerprintProcessor,
        "canonicalize": CanonicalizeProcessor,
        "sanitize": SanitizeProcessor,
    }
    processors = {name: kind(kind.config_class()) for name, kind in kinds.items()}
    hec = SplunkHecConfig(endpoint="http://127.0.0.1:8088", token=SecretStr("made-up"))
    with tempfile.TemporaryDirectory(prefix="beacon-bench-") as folder:
        queue = SqliteQueue(SqliteQueue.config_class(path=Path(folder) / "queue.db"))
        for name, component in {**processors, "queue": queue}.items():
            component.start(Host(name))
        try:
            yield Stages(processors, queue, Encoder(layout_of(hec)))
        finally:
            for component in (*processors.values(), queue):
                component.shutdown(1.0)


def measure(rounds: int, events: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures by stage and size; the first round is not counted: it loads and compiles."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    with started() as stages:
        for size in SIZES:
            stages.round(Stopwatch(), 1)
            watch = Stopwatch()
            watch.size = size
            for _ in range(rounds):
                stages.round(watch, min(_MOST, max(1, events // size)))
            for stage, cost in watch.costs.items():
                found.setdefault(stage, {})[str(size)] = cost.figures()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--events", type=int, default=EVENTS, help=f"in a round of {_MOST} batches at most (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    options = parser.parse_args()
    found = measure(options.rounds, options.events)
    print(f"{platform.platform()}, Python {platform.python_version()}, {options.rounds} rounds")
    print("microseconds of processor time an event: best, median; median of the wall time")
    print(f"{'':36}" + "".join(f"{f'batches of {size}':>27}" for size in SIZES))
    for stage, sizes in found.items():
        cells = (f"{each[name]:9.2f}" for each in sizes.values() for name in ("best", "median", "wall_median"))
        print(f"{stage:36}" + "".join(cells))
    if options.json:
        write_results(options.json, {"rounds": options.rounds, "events": options.events, "stages": found})


if __name__ == "__main__":
    main()
