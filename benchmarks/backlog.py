"""Memory while a destination is down: the same load with it up, and with it down for the whole load and then back.

Prints the peak memory of Beacon (resident set) for both, their ratio, and whether everything arrived, once and in
order. Run it with `make bench` on an idle machine; `python benchmarks/backlog.py --events 100000` is a quick look.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from machine import write_results

BEACON = Path(sys.executable).with_name("beacon")
BATCH = 100
CLIENTS = 4
LIMIT = 114.4  # MiB with the destination down: 120 MB
_MIB = 1024 * 1024
_WATCHDOG = 600.0  # seconds without a new arrival
_NAME = re.compile(rb'"event":"c(\d)-(\d{8})"')
_NUMBER = b"########"  # stands for a record's number in a request
_HEAD = b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n"
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"text":"Success","code":0}'

PIPELINE = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
processors: {{fingerprint: {{}}, canonicalize: {{}}, sanitize: {{}}}}
exporters:
  splunk_hec: {{endpoint: "http://127.0.0.1:{port}", token: "${{env:BACKLOG_TOKEN}}"}}
service:
  queue: {{path: queue.db, max_bytes: 8GiB}}
  pipelines:
    default: {{receivers: [otlp], processors: [fingerprint, canonicalize, sanitize], exporters: [splunk_hec]}}
"""


# ---- the destination ----


@dataclass
class Arrived:
    """What has come: by client the latest number, and how many numbers were left out or came again."""

    latest: dict[int, int] = field(default_factory=dict)
    count: int = 0
    skipped: int = 0
    repeated: int = 0

    def take(self, body: bytes) -> None:
        """Count the records of a request."""
        for client, text in _NAME.findall(body):
            number, before = int(text), self.latest.get(int(client), -1)
            if number <= before:
                self.repeated += 1
                continue
            self.skipped += number - before - 1
            self.count += 1
            self.latest[int(client)] = number


class Destination:
    """A HEC server in this process; `down` until `start`. Beacon sends one request after the other."""

    def __init__(self) -> None:
        self.arrived = Arrived()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listener.close()

    def start(self) -> None:
        """Come up."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Go down."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with suppress(OSError), link, link.makefile("rb") as stream:
            while (body := _read_request(stream)) is not None:
                self.arrived.take(zlib.decompress(body, 31))
                link.sendall(_ANSWER)


def _read_request(stream: BinaryIO) -> bytes | None:
    length = 0
    while line := stream.readline():
        if line == b"\r\n":
            return stream.read(length)
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return None


# ---- the load ----


def template(client: int) -> list[bytes]:
    """Return a request with `BATCH` small records, cut where the number of each has to stand."""
    records = [
        LogRecord(
            time_unix_nano=1_795_145_112_904_000_000,
            severity_text="INFO",
            body=AnyValue(string_value=f"c{client}-{_NUMBER.decode()}"),
            attributes=[KeyValue(key="session.id", value=AnyValue(string_value="5d0f4a6e-backlog"))],
        )
        for _ in range(BATCH)
    ]
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="backlog"))])
    logs = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])
    return ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString().split(_NUMBER)


def post_all(address: tuple[str, int], client: int, events: int) -> Counter[int]:
    """Post so many records over one connection; return how often each status was answered."""
    first, *rest = template(client)
    statuses: Counter[int] = Counter()
    with socket.create_connection(address, timeout=60) as link, link.makefile("rb") as stream:
        for start in range(0, events, BATCH):
            body = b"".join([first, *(b"%08d%s" % (start + n, piece) for n, piece in enumerate(rest))])
            link.sendall(_HEAD % len(body) + body)
            statuses[_read_status(stream)] += 1
    return statuses


def _read_status(stream: BinaryIO) -> int:
    status = int(stream.readline().split()[1])
    _ = _read_request(stream)
    return status


# ---- one run ----


@dataclass
class Figures:
    """What one run has shown; bytes and seconds."""

    peak_load: int = 0
    peak: int = 0
    load_time: float = 0.0
    whole_time: float = 0.0
    backlog: int = 0
    queue_bytes: int = 0
    arrived: Arrived = field(default_factory=Arrived)
    statuses: Counter[int] = field(default_factory=Counter)
    balanced: bool = False

    def shown(self, events: int) -> dict[str, float]:
        """Return what is shown, in MiB and events a second."""
        return {
            "load_mib": self.peak_load / _MIB,
            "peak_mib": self.peak / _MIB,
            "load_per_s": events / self.load_time,
            "all_per_s": events / self.whole_time,
            "backlog": self.backlog,
            "queue_mib": self.queue_bytes / _MIB,
            "missing": events - self.arrived.count,
            "repeated": self.arrived.repeated,
        }


class Watch:
    """Samples the memory of a process until it ends; on Linux the kernel's own peak, elsewhere what is seen."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._status = Path(f"/proc/{pid}/status")
        self.peak = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(psutil.Error, OSError):
            while True:
                self.peak = max(self.peak, self._resident())
                time.sleep(0.02)

    def _resident(self) -> int:
        if self._status.exists():
            found = re.search(r"VmHWM:\s+(\d+) kB", self._status.read_text())
            return int(found[1]) * 1024 if found else 0
        return int(self._process.memory_info().rss)


def measure(events: int, *, down: bool) -> Figures:
    """Run Beacon once with the whole load."""
    destination, figures = Destination(), Figures()
    if not down:
        destination.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pipeline.yaml").write_text(PIPELINE.format(port=destination.port))
        command = [str(BEACON), "run", "-p", "pipeline.yaml", "--ready-file", "ready.json", "--receipt", "receipt.json"]
        environ = {**os.environ, "BACKLOG_TOKEN": "backlog", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        process = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL)
        try:
            watch = Watch(process.pid)
            begin = time.perf_counter()
            load(folder, events, figures)
            figures.peak_load, figures.load_time = watch.peak, time.perf_counter() - begin
            figures.backlog = events - destination.arrived.count
            figures.queue_bytes = sum(path.stat().st_size for path in folder.glob("queue.db*"))
            if down:
                destination.start()
            wait_for_all(destination.arrived, events)
            figures.peak, figures.whole_time = watch.peak, time.perf_counter() - begin
            process.send_signal(signal.SIGTERM)
            ended_well = process.wait(60) == 0
            receipt = json.loads((folder / "receipt.json").read_bytes())
            line = receipt["exporters"]["splunk_hec"]
            figures.balanced = ended_well and receipt["balanced"] and line["delivered"] == line["accepted"] == events
        finally:
            process.kill()
            process.wait()
            destination.close()
    figures.arrived = destination.arrived
    return figures


def load(folder: Path, events: int, figures: Figures) -> None:
    """Post everything from several clients at once."""
    ready = folder / "ready.json"
    while not ready.exists():
        time.sleep(0.005)
    url = urllib.parse.urlsplit(json.loads(ready.read_bytes())["endpoints"]["otlp"]["http"])
    address = (url.hostname or "", url.port or 0)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for statuses in pool.map(lambda client: post_all(address, client, events // CLIENTS), range(CLIENTS)):
            figures.statuses += statuses


def wait_for_all(arrived: Arrived, events: int) -> None:
    """Return when everything has arrived, or nothing more comes."""
    seen, since = -1, time.monotonic()
    while arrived.count < events and time.monotonic() - since < _WATCHDOG:
        if arrived.count != seen:
            seen, since = arrived.count, time.monotonic()
        time.sleep(0.05)


# ---- the report ----


def report(name: str, events: int, figures: Figures) -> bool:
    """Print a run; say whether everything arrived as it should."""
    arrived = figures.arrived
    complete = arrived.count == events and not arrived.skipped and not arrived.repeated
    print(
        f"{name:6}{figures.peak_load / _MIB:10.1f}{figures.peak / _MIB:10.1f}{events / figures.load_time:12.0f}"
        f"{events / figures.whole_time:12.0f}{figures.backlog:12}{figures.queue_bytes / _MIB:12.1f}  "
        f"{arrived.count} arrived, {arrived.skipped} out of order, {arrived.repeated} repeated; "
        f"receipt {'true' if figures.balanced else 'WRONG'}; answers {dict(figures.statuses)}"
    )
    return complete and figures.balanced


def main() -> int:
    """Measure both and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    options = parser.parse_args()
    events = options.events - options.events % (BATCH * CLIENTS)
    print(f"{platform.platform()}, Python {platform.python_version()}, {events} events in batches of {BATCH}")
    titles = (
        ("load MiB", 10),
        ("peak MiB", 10),
        ("load ev/s", 12),
        ("all ev/s", 12),
        ("backlog", 12),
        ("queue MiB", 12),
    )
    print(f"{'':6}" + "".join(f"{title:>{width}}" for title, width in titles))
    up = measure(events, down=False)
    good = report("up", events, up)
    down = measure(events, down=True)
    good &= report("down", events, down)
    ratio = down.peak / up.peak
    print(f"peak memory with the destination down: {ratio:.2f} times of that with it up (at most {LIMIT} MiB)")
    if options.json:
        runs = {name: figures.shown(events) for name, figures in (("up", up), ("down", down))}
        write_results(options.json, {"events": events, "batch": BATCH, "runs": runs, "ratio": ratio, "limit": LIMIT})
    return 0 if good and down.shown(events)["peak_mib"] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
