"""The benchmarks run, and find what is lost and what gets out. How fast anything is, is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
QUICK = ["--no-floor", "--events", "400", "--repetitions", "1", "--batch", "20", "--connections", "2"]

#: A program that acknowledges and passes everything on as it came, as often as it is told; it keeps a copy on disk.
PROGRAM = """
import http.client, pathlib, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with pathlib.Path(sys.argv[4], "kept").open("ab") as file:
            file.write(body)
        for _ in range(int(sys.argv[3])):
            out = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
            out.request("POST", "/services/collector", body)
            out.getresponse().read()
            out.close()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def bench(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def side_by_side(folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    file = folder / "side_by_side.json"
    done = bench("side_by_side", *QUICK, "--json", str(file), *arguments)
    assert file.exists(), done.stderr
    return done, json.loads(file.read_text())["results"]["loads"]


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_every_event_arrives_through_beacon_once_and_none_leaks(tmp_path: Path, encoding: str) -> None:
    done, (load,) = side_by_side(tmp_path, "--encoding", encoding, "--pure")
    assert done.returncode == 0, done.stderr
    measures = ("events_per_s", "cpu_us", "p99_ms", "peak_mib", "start_ms", "stop_ms", "bench_us")
    for subject in ("beacon", "beacon, pure Python"):
        (run,) = load["runs"][subject]
        assert run["acknowledged"] == 1200  # the load, as many before it, and while the destination does not answer
        assert [run[name] for name in ("lost", "leaked", "readable", "duplicates")] == [0, 0, 0, 0]
        assert all(run[name] > 0 for name in measures)
    assert load["summaries"]["beacon"]["ratios"]["events_per_s"] == 1


def test_what_another_program_loses_doubles_lets_out_or_leaves_readable_is_found(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = f"{sys.executable} {tmp_path / 'program.py'} {{port}} {{sink_port}}"
    subjects = ["--subject", f"twice:{command} 2 {{dir}}", "--subject", f"never:{command} 0 {{dir}}"]
    done, (load,) = side_by_side(tmp_path, "--quiet", "0.5", *subjects)
    assert done.returncode == 1
    (twice,), (never,) = load["runs"]["twice"], load["runs"]["never"]
    assert twice["lost"] == 0
    assert twice["duplicates"] == 1201  # the first was the question whether it is ready
    assert twice["leaked"] >= 960  # 40 % of 1200, twice
    assert twice["readable"] >= 480
    assert (never["lost"], never["leaked"]) == (never["acknowledged"], 0)


def test_a_subject_that_cannot_be_started_is_named() -> None:
    done = bench("side_by_side", *QUICK, "--subject", "none:/no/such/program {port}")
    assert done.returncode == 1
    assert "none cannot be started" in done.stderr


def test_every_stage_is_measured_with_every_size_of_batch(tmp_path: Path) -> None:
    file = tmp_path / "stages.json"
    done = bench("stages", "--rounds", "1", "--events", "100", "--json", str(file))
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())["results"]["stages"]
    assert {"decode protobuf", "decode JSON", "sanitize", "encode for HEC", "gzip"} <= found.keys()
    assert all(set(sizes) == {"1", "10", "100"} for sizes in found.values())


def test_what_telemetry_costs_a_command_is_measured_for_every_destination(tmp_path: Path) -> None:
    file = tmp_path / "track.json"
    done = bench("track", "--rounds", "2", "--json", str(file))
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())["results"]
    assert set(found["imports_ms"]) == {"import beacon_track", "from beacon_track import Telemetry"}
    assert (
        {"telemetry denied", "sidecar", "sidecar that hangs"}
        <= found["added_ms"].keys()
        == found["added_cpu_ms"].keys()
    )


def test_what_a_job_waits_for_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "ci.json"
    done = bench("ci", "--rounds", "1", "--json", str(file))
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())["results"]
    assert found["targets"].keys() == found["milliseconds"].keys()


def test_a_long_queue_is_measured_against_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "queued.json"
    done = bench("queued", "--events", "20000", "--rounds", "1", "--json", str(file))
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())["results"]
    assert found["events"] == 20_000
    assert found["ratio"] > 0


def test_the_page_is_written_from_the_results_of_all_benchmarks(tmp_path: Path) -> None:
    machine = {"processor": "p", "processors": 2, "memory_gib": 4, "system": "s", "python": "3", "sync_us": 1}
    medians = dict.fromkeys(("events_per_s", "cpu_us", "p99_ms", "peak_mib", "start_ms", "bench_us"), 2.0) | {
        "stop_ms": None
    }
    counts = dict.fromkeys(("lost", "leaked", "readable", "refused", "duplicates", "held"), 0)
    run = ("load_mib", "peak_mib", "load_per_s", "all_per_s", "backlog", "queue_mib", "missing", "repeated")

    def loads(*subjects: str) -> dict[str, Any]:
        found = {
            "title": "9 events, OTLP/HTTP protobuf, batches of 100, 8 connections, 1 repetition",
            "summaries": {name: {"medians": medians, "ratios": medians, "counts": counts} for name in subjects},
            "runs": {name: [{"events_per_s": 100.0 * (place + 1)}] for place, name in enumerate(subjects)},
        }
        return {"subjects": dict.fromkeys(subjects, "command"), "loads": [found]}

    results: dict[str, dict[str, Any]] = {
        "startup": {
            "rounds": 1,
            "milliseconds": {"python -c pass": [10.0], "exec to ready file": [25.0], "SIGTERM to exit": [60.0]},
        },
        "stages": {"rounds": 1, "stages": {"gzip": {"10": {"best": 4.0, "median": 5.0, "wall_median": 6.0}}}},
        "side_by_side": loads("floor", "beacon"),
        "small": loads("floor", "beacon"),
        "workers": loads("beacon, one CPU", "beacon", "beacon, 2 workers"),
        "ci": {"rounds": 1, "milliseconds": {"stop": [10.0, 30.0]}, "targets": {"stop": 300}},
        "track": {
            "rounds": 1,
            "imports_ms": {"x": 1.0},
            "added_ms": {"denied": [2.0]},
            "added_cpu_ms": {"denied": [1]},
        },
        "queued": {"events": 1, "rounds": 1, "ratio": 1.2, "costs": {"empty": [2.0], "full": [3.0]}},
        "backlog": {
            "events": 1,
            "batch": 1,
            "ratio": 1.0,
            "limit": 1.3,
            "runs": {"up": dict.fromkeys(run, 7), "down": dict.fromkeys(run, 8)},
        },
        "sanitize": {"rounds": 1, "batch": 1, "rules": 1, "engine": "e", "costs": {"yardstick": [2.0], "rest": [3.0]}},
    }
    for name, found in results.items():
        described = machine | {"packages": {"sqlite": "3"}, "load_average": 0.1}
        content = {"command": f"python benchmarks/{name}.py", "date": "2026-01-01", "machine": described}
        (tmp_path / f"{name}.json").write_text(json.dumps(content | {"results": found}))
    done = bench("report", str(tmp_path), "--page", str(tmp_path / "page.md"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.md").read_text()
    for line in (
        "| exec to ready file | 25.0 | 2.5 | 25.0 | 25.0 |",
        "| `stop` | 20 | 10 | 30 | 300 |",
        "| denied | 2.0 | 2.0 | 2.0 | 1.0 |",
        "| gzip | 4.00 | 5.00 | 1.00 | 6.00 |",
        "| CPU an event | 1.8 x | 1.2 x | 2.00 | **missed** |",
        "| events/s | 0.6 x | 0.9 x | 2.00 | aim met |",
        "| CPU an event, OTLP/JSON | 1.8 x | 1 x | - | not measured |",
        "| SIGTERM to exit | 150 ms | 50 ms | 60 | met |",
        "| two workers on two CPUs, events/s | 1.6 x one on one | 1.9 x one on one | 3.00 | aim met |",
        "| CPU an event, long queue | 1.3 x empty | 1.05 x empty | 1.20 | met |",
        "| full | 3.00 | 3.00 |",
        "| beacon | 2 (2.00) | 2.0 (2.00) | 2.0 (2.00) | 2.0 (2.00) | 2 (2.00) | - | 2.0 (2.00) |" + 6 * " 0 |",
        "| up | 7.0 | 7.0 | 7 | 7 | 7 | 7.0 | 7 | 7 |",
        "| rest | 3.00 | 3.00 | 1.5 |",
    ):
        assert line in page
