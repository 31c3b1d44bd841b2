"""How long a CI job waits for Beacon: `beacon ci start`, `stop`, and `exec` around a command that does nothing.

Subjects take turns; medians are shown. Run it with `make bench` on an idle machine. Nothing is forwarded: what a
destination takes to answer comes on top of `stop`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from machine import write_results

ROUNDS = 15
BEACON = str(Path(sys.executable).with_name("beacon"))
BODY = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "event"}}]}]}]}).encode()
TARGETS = {"beacon ci start": 500, "beacon ci stop": 300, "beacon ci exec -- true, over true": 600}  # milliseconds


def timed(*command: str) -> float:
    """Return milliseconds that a command takes."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1000


def session(folder: Path) -> tuple[float, float]:
    """Return milliseconds for a start, and for a stop after one event."""
    started = timed(BEACON, "ci", "start", "--base-dir", str(folder))
    state = json.loads((folder / "session.json").read_text())
    url = urlsplit(state["endpoints"]["http"])
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    connection.request("POST", "/v1/logs", BODY, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()
    return started, timed(BEACON, "ci", "stop", "--base-dir", str(folder))


def main() -> None:
    """Measure in turns and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in TARGETS}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="beacon-bench-") as name:
            bare = timed("true")
            wrapped = timed(BEACON, "ci", "exec", "--base-dir", f"{name}/exec", "--", "true")
            started, stopped = session(Path(name, "session"))
        for values, value in zip(times.values(), (started, stopped, wrapped - bare), strict=True):
            values.append(value)
    print(f"{platform.platform()}, Python {platform.python_version()}, {options.rounds} rounds, medians")
    print(f"{'milliseconds':36}{'median':>8}{'min':>8}{'max':>8}{'target':>8}")
    for subject, values in times.items():
        figures = (statistics.median(values), min(values), max(values), TARGETS[subject])
        print(f"{subject:36}" + "".join(f"{figure:8.0f}" for figure in figures))
    if options.json:
        write_results(options.json, {"rounds": options.rounds, "targets": TARGETS, "milliseconds": times})


if __name__ == "__main__":
    main()
