"""How fast Beacon starts and stops, as ratios to a bare interpreter in the same run: machines are noisy.

Subjects take turns; medians are shown. Run it with `make bench` on an idle machine.
"""

from __future__ import annotations

import argparse
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from machine import write_results

ROUNDS = 15
BEACON = Path(sys.executable).with_name("beacon")
PIPELINE = Path(__file__).parents[1] / "docs" / "examples" / "quickstart" / "pipeline.yaml"


def timed(*command: str) -> float:
    """Return milliseconds that a command takes."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1000


def start_and_stop() -> tuple[float, float]:
    """Return milliseconds from exec to the ready file, and from SIGTERM to the exit with an empty queue."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        begin = time.perf_counter()
        command = [str(BEACON), "run", "--pipeline", str(PIPELINE), "--ready-file", str(ready)]
        process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        while not ready.exists():
            time.sleep(0.0005)
        started = time.perf_counter()
        time.sleep(0.05)
        stopping = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait()
        return (started - begin) * 1000, (time.perf_counter() - stopping) * 1000


def main() -> None:
    """Measure in turns and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    options = parser.parse_args()
    singles: dict[str, Callable[[], float]] = {
        "python -c pass": lambda: timed(sys.executable, "-c", "pass"),
        "python -c 'import click'": lambda: timed(sys.executable, "-c", "import click"),
        "beacon --help": lambda: timed(str(BEACON), "--help"),
        "beacon validate": lambda: timed(str(BEACON), "validate", "--pipeline", str(PIPELINE)),
    }
    times: dict[str, list[float]] = {name: [] for name in (*singles, "exec to ready file", "SIGTERM to exit")}
    for _ in range(ROUNDS):
        for name, measure in singles.items():
            times[name].append(measure())
        for name, value in zip(("exec to ready file", "SIGTERM to exit"), start_and_stop(), strict=True):
            times[name].append(value)
    bare = statistics.median(times["python -c pass"])
    print(f"{platform.platform()}, Python {platform.python_version()}, {ROUNDS} rounds, medians")
    print(f"{'':28}{'ms':>8}{'ratio':>8}{'min':>8}{'max':>8}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:28}{median:8.1f}{median / bare:8.1f}{min(values):8.1f}{max(values):8.1f}")
    if options.json:
        write_results(options.json, {"rounds": ROUNDS, "milliseconds": times})


if __name__ == "__main__":
    main()
