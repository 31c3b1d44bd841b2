"""Where and when figures were measured, and how they are written for the report."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sqlite3
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from beacon_core.native import state

_PACKAGES = ("beacon-core", "msgspec", "protobuf", "uvloop", "httptools", "httpx", "ahocorasick-rs")


def describe() -> dict[str, Any]:
    """Return what figures depend on."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version(name) for name in _PACKAGES} | _compiled(),
        "sync_us": _sync(),
        "load_average": round(psutil.getloadavg()[0], 2),
    }


def write_results(path: Path, results: object) -> None:
    """Write the results of a benchmark with where and how they came to be."""
    content = {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *_arguments()]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": describe(),
        "results": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _arguments() -> list[str]:
    """Return the command line without where results go, and without folders of this machine."""
    given = sys.argv[1:]
    if "--json" in given:
        place = given.index("--json")
        given[place : place + 2] = []
    return [Path(word).name if word.startswith("/") else word for word in given]


def _compiled() -> dict[str, str]:
    """Return what decides how fast a part is without being imported by its name."""
    native = state()
    return {"beacon-native": str(native.version) if native.used else "not in use", "sqlite": sqlite3.sqlite_version}


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _sync() -> int:
    """Return the median microseconds of a write of 64 KiB with a sync, where temporary files are."""
    costs = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(30):
            begin = time.perf_counter()
            file.write(bytes(65_536))
            os.fsync(file.fileno())
            costs.append(time.perf_counter() - begin)
    return round(statistics.median(costs) * 1e6)


def a_processor() -> list[int]:
    """Return one of those that this process may use; nothing where there is only one, or the system cannot tell."""
    found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return found[:1] if len(found) > 1 else []


def leave_a_processor() -> list[int]:
    """Leave a processor to what is measured: this process, and what it starts, runs on the others from now on.

    Returns:
        The processor; nothing where there is only one, or the system cannot do it.
    """
    found = a_processor()
    if found:
        os.sched_setaffinity(0, os.sched_getaffinity(0).difference(found))
    return found
