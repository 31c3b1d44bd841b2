"""One run of a subject: a load until everything has arrived, a burst that has to wait, SIGTERM, the accounts."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil

from load import Load
from records import LEAK
from subject import Running, Subject

HERE = Path(__file__).resolve().parent
_BURST = 2000  # events
_WARM_UP = 3000  # events
_WARM_UP_FIRST = 5_000_000_001  # number of the first of them; the load has lower ones
_SETTLING = 1.5  # seconds for what a program does soon after its start
_PAUSE = 0.2  # seconds without an arrival after which it is worth a look what has come
_HOLD = 3.0  # seconds for which the destination does not answer at most


class Sink:
    """The destination, a process of its own.

    Args:
        quiet: seconds without a new arrival after which nothing more is expected.
    """

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        command = [sys.executable, str(HERE / "sink.py")]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        with self._process.stdout:
            self.port = int(self._process.stdout.readline())

    def arrivals(self) -> dict[str, float]:
        """Return how many requests have come, and the processor time that they have taken."""
        return dict(json.loads(self._get("/arrivals")))

    def counts(self) -> dict[str, float]:
        """Return what has arrived, as numbers; takes the processor time of opening it."""
        return dict(json.loads(self._get("/counts")))

    def missing(self, numbers: set[int]) -> int:
        """Return how many of these records have not arrived."""
        return len(numbers.difference(map(int, self._get("/numbers").split())))

    def wait_for(self, numbers: set[int]) -> float:
        """Wait until these records are there or nothing more comes; return when the latest came."""
        since, seen, looked = time.monotonic(), -1.0, -1.0
        while True:
            requests = self.arrivals()["requests"]
            if requests != seen:
                seen, since = requests, time.monotonic()
            idle = time.monotonic() - since
            if (idle > _PAUSE and looked != seen) or idle > self._quiet:
                looked, counts = seen, self.counts()
                complete = counts["unique"] >= len(numbers) and not self.missing(numbers)
                if complete or idle > self._quiet:
                    return counts["latest"]
            time.sleep(0.02)

    def pause(self) -> None:
        """Answer nothing until `resume`."""
        psutil.Process(self._process.pid).suspend()

    def resume(self) -> None:
        """Go on."""
        psutil.Process(self._process.pid).resume()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()


class Sending:
    """A load on its way, a process of its own."""

    def __init__(self, load: Load) -> None:
        self._batch = load.batch
        options = [word for name, value in asdict(load).items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen([sys.executable, str(HERE / "load.py"), *options], stdout=subprocess.PIPE)

    def wait(self, seconds: float) -> None:
        """Wait for its end, so long at most."""
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=seconds)

    def result(self) -> tuple[dict[str, Any], set[int]]:
        """Wait for its end; return its figures and the numbers of the acknowledged records."""
        output, _ = self._process.communicate()
        figures = json.loads(output)
        return figures, {first + n for first in figures["acknowledged"] for n in range(self._batch)}


def readable_at_rest(folder: Path) -> int:
    """Count what should not be readable in the files of a folder."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it may go while we look
            if path.is_file():
                found += len(LEAK.findall(path.read_bytes()))
    return found


def measure(subject: Subject, load: Load, quiet: float, processors: Sequence[int] = ()) -> dict[str, float | None]:
    """Run a subject once.

    Args:
        subject: what to run.
        load: what to send; its port is filled in.
        quiet: seconds without a new arrival after which nothing more is expected.
        processors: those that a subject may use that names none; empty: all.

    Raises:
        SubjectError: it does not start or takes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="beacon-bench-") as name:
        sink = Sink(quiet)
        try:
            return _measure(subject, load, Path(name), sink, processors)
        finally:
            sink.close()


def _measure(
    subject: Subject, load: Load, folder: Path, sink: Sink, processors: Sequence[int]
) -> dict[str, float | None]:
    state, log = folder / "state", folder / "log"
    state.mkdir()
    running = Running(subject, state, sink.port, log, subject.processors or processors)
    try:
        started = running.wait_until_ready(load.encoding)
        warm = _warm_up(running, load, sink)
        before = running.processor_seconds()
        begin = sink.arrivals()["cpu"]
        sending = Sending(replace(load, port=running.port))
        figures, acknowledged = sending.result()
        latest = sink.wait_for(acknowledged)
        spent = running.processor_seconds() - before
        aside = figures["cpu"] + sink.arrivals()["cpu"] - begin
        arrived = len(acknowledged) - sink.missing(acknowledged)
        acknowledged |= warm
        burst, readable = _hold(running, load, state, sink)
        peak = running.peak
        stopped = running.stop()
    finally:
        running.kill()
    acknowledged |= burst
    held = sink.missing(acknowledged)
    if held:
        _start_again(subject, load, folder, sink, acknowledged)
    counts = sink.counts()
    return {
        "events_per_s": arrived / max(latest - figures["began"], 1e-6),
        "cpu_us": spent * 1e6 / max(arrived, 1),
        "bench_us": aside * 1e6 / max(arrived, 1),
        "p50_ms": figures["p50_ms"],
        "p99_ms": figures["p99_ms"],
        "peak_mib": peak / 2**20,
        "start_ms": started * 1e3,
        "stop_ms": None if stopped is None else stopped * 1e3,
        "acknowledged": len(acknowledged),
        "refused": sum(count for status, count in figures["statuses"].items() if not status.startswith("2")),
        "held": held,
        "lost": sink.missing(acknowledged),
        "duplicates": counts["duplicates"],
        "leaked": counts["leaked"],
        "readable": readable + readable_at_rest(state),
    }


def _warm_up(running: Running, load: Load, sink: Sink) -> set[int]:
    """Send some before it counts: what is loaded or compiled with the first events is no cost of an event.

    Returns:
        The numbers that were acknowledged.
    """
    events = max(1, min(_WARM_UP, load.events) // load.batch) * load.batch
    _, numbers = Sending(replace(load, port=running.port, events=events, first=_WARM_UP_FIRST)).result()
    sink.wait_for(numbers)
    time.sleep(_SETTLING)
    return numbers


def _hold(running: Running, load: Load, state: Path, sink: Sink) -> tuple[set[int], int]:
    """Send some more while the destination does not answer, and look at what is on disk then.

    Returns:
        The numbers that were acknowledged, and how much is readable on disk that should not be.
    """
    events = max(1, min(_BURST, load.events) // load.batch) * load.batch
    sink.pause()
    try:
        sending = Sending(replace(load, port=running.port, events=events, first=load.first + load.events))
        sending.wait(_HOLD)
        readable = readable_at_rest(state)
    finally:
        sink.resume()
    return sending.result()[1], readable


def _start_again(subject: Subject, load: Load, folder: Path, sink: Sink, numbers: set[int]) -> None:
    """Let the subject deliver what it has kept."""
    running = Running(subject, folder / "state", sink.port, folder / "log")
    try:
        running.wait_until_ready(load.encoding)
        sink.wait_for(numbers)
        running.stop()
    finally:
        running.kill()
