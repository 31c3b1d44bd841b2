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

#: A program that acknowledges and, told so, passes nothing on, or everything as it came.
PROGRAM = """
import http.client, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if sys.argv[3] == "pass":
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
    done, (load,) = side_by_side(tmp_path, "--encoding", encoding)
    assert done.returncode == 0, done.stderr
    (run,) = load["runs"]["beacon"]
    assert run["acknowledged"] == 800  # the load, and as many while the destination does not answer
    assert [run[name] for name in ("lost", "leaked", "readable", "duplicates")] == [0, 0, 0, 0]
    assert all(run[name] > 0 for name in ("events_per_s", "cpu_us", "p99_ms", "peak_mib", "start_ms", "stop_ms"))
    assert load["summaries"]["beacon"]["ratios"]["events_per_s"] == 1


def test_what_another_program_loses_or_lets_out_is_found(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = f"{sys.executable} {tmp_path / 'program.py'} {{port}} {{sink_port}}"
    subjects = ["--subject", f"pass:{command} pass", "--subject", f"drop:{command} drop"]
    done, (load,) = side_by_side(tmp_path, "--quiet", "0.5", *subjects)
    assert done.returncode == 1
    (passed,), (dropped,) = load["runs"]["pass"], load["runs"]["drop"]
    assert (passed["lost"], passed["leaked"] >= 320) == (0, True)  # 40 % of 800
    assert (dropped["lost"], dropped["leaked"]) == (dropped["acknowledged"], 0)


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
