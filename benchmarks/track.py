"""What telemetry costs a command-line tool: the import of `beacon_track`, and the time that a command takes longer.

Every command runs without and with telemetry in turns, against each kind of destination; medians are shown. It measures
whole processes, so run it on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from machine import write_results

ROUNDS = 21
LIMIT_MS = 50
PROGRAM = """
import os
import click

@click.group()
def cli(): pass

@cli.command()
@click.option("--name", default="staging")
def claim(name): click.echo(name)

if os.environ.get("TRACKED"):
    from beacon_track import Telemetry
    Telemetry(app="acme", version="1", endpoint=os.environ.get("ACME_ENDPOINT", "")).instrument(cli)
cli(["claim"])
"""


class Receiver(BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        """Answer 200."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server that does not mind clients that have left."""

    def handle_error(self, *_: object) -> None:
        """Say nothing: a command waits for 30 ms at most."""


@contextmanager
def destinations() -> Iterator[dict[str, dict[str, str]]]:
    """Yield the variables of a command for each kind of destination."""
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    silent = socket.create_server(("127.0.0.1", 0))
    answering, hanging = f"http://127.0.0.1:{server.server_port}", f"http://127.0.0.1:{silent.getsockname()[1]}"
    yield {
        "telemetry denied": {"DO_NOT_TRACK": "1"},
        "nowhere to send": {},
        "sidecar": {"BEACON_ENDPOINT": answering},
        "sidecar that hangs": {"BEACON_ENDPOINT": hanging},
        "no sidecar at its address": {"BEACON_ENDPOINT": "http://127.0.0.1:9"},
        "endpoint, by a flusher": {"ACME_ENDPOINT": answering},
    }
    silent.close()
    server.shutdown()
    server.server_close()


def timed(home: str, variables: Mapping[str, str]) -> tuple[float, float]:
    """Return milliseconds that a command takes to the end of its process, and those of processor time."""
    environ = {"HOME": home, "PATH": os.environ["PATH"], **variables}
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environ, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = (time.perf_counter() - begin) * 1000
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return took, (usage.ru_utime + usage.ru_stime) * 1000


def import_times(statement: str) -> float:
    """Return the milliseconds of an import, from the interpreter's own clock; the best of some."""
    found = []
    for _ in range(7):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", statement], capture_output=True, text=True, check=True
        )
        rows = re.findall(r"\| +(\d+) \| ( *)(\S+)", done.stderr)
        own = [int(total) for total, indent, name in rows if name.startswith("beacon_track") and len(indent) <= 1]
        found.append(sum(own) / 1000)
    return min(found)


def main() -> None:
    """Measure and print; exit with 1 if a command took longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    parser.add_argument("--check", action="store_true", help=f"fail where a command takes {LIMIT_MS} ms longer")
    options = parser.parse_args()
    statements = ("import beacon_track", "from beacon_track import Telemetry")
    imports = {statement: import_times(statement) for statement in statements}
    added: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    with destinations() as kinds, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as base:
        for number in range(options.rounds):
            for position, (name, variables) in enumerate(kinds.items()):
                home = str(Path(base) / f"{position}")
                bare = timed(home, {})
                tracked = timed(home, {"TRACKED": "1", **variables})
                if number:  # the first round is to warm up
                    added.setdefault(name, []).append(tracked[0] - bare[0])
                    processor.setdefault(name, []).append(tracked[1] - bare[1])
    report(options.rounds, imports, added, processor)
    if options.json:
        write_results(
            options.json,
            {"rounds": options.rounds, "imports_ms": imports, "added_ms": added, "added_cpu_ms": processor},
        )
    slow = [name for name, values in added.items() if statistics.median(values) > LIMIT_MS]
    sys.exit(f"more than {LIMIT_MS} ms: {', '.join(slow)}" if options.check and slow else 0)


def report(
    rounds: int, imports: Mapping[str, float], added: Mapping[str, list[float]], processor: Mapping[str, list[float]]
) -> None:
    """Print the figures."""
    print(f"{platform.platform()}, Python {platform.python_version()}, {rounds} rounds, milliseconds")
    print(f"\n{'import':36}{'best':>8}")
    for statement, milliseconds in imports.items():
        print(f"{statement:36}{milliseconds:8.1f}")
    print(f"\n{'a command of click takes longer by':36}{'median':>8}{'min':>8}{'max':>8}{'CPU':>8}")
    for name, values in added.items():
        cpu = statistics.median(processor[name])
        print(f"{name:36}{statistics.median(values):8.1f}{min(values):8.1f}{max(values):8.1f}{cpu:8.1f}")


if __name__ == "__main__":
    main()
