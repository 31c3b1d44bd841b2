"""Signals: SIGTERM and SIGINT drain, a second one ends at once, SIGHUP reads the configuration again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors: {sanitize: {}}
exporters:
  splunk_hec: {endpoint: "URL", token: "${file:token.txt}", retry_on_failure: {hold_interval: 1h}}
service:
  queue: {path: state/queue.db}
  telemetry: {endpoint: "127.0.0.1:0"}
  pipelines:
    default: {receivers: [otlp], processors: [sanitize], exporters: [splunk_hec]}
"""
BODY = json.dumps(
    {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": f"event {n}"}} for n in range(5)]}]}]}
).encode()


class Collector(HTTPServer):
    """Knows one token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events = 0
        self.refused = 0


class Handler(BaseHTTPRequestHandler):
    """Answers as HEC does: code 0, or code 4 for a token it does not know."""

    server: Collector

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        good = self.headers["Authorization"] == "Splunk good-token-0000"
        if good:
            self.server.events += 5
        else:
            self.server.refused += 1
        body = json.dumps({"text": "Success", "code": 0} if good else {"text": "Invalid token", "code": 4}).encode()
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_the_receipt(beacon: Callable[..., Any], number: int) -> None:
    run = beacon()
    assert run.post("/v1/logs", BODY) == 200
    receipt = run.stop(number)
    assert receipt["exporters"]["file"]["delivered"] == 5
    assert "received 5; balanced" in run.log.read_text()
    assert not run.ready_file.exists()


def test_p6_a_corrected_token_is_used_after_sighup_and_everything_arrives(
    beacon: Callable[..., Any], collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "token.txt").write_text("wrong-token-0000\n")
    run = beacon(PIPELINE.replace("URL", f"http://127.0.0.1:{collector.server_address[1]}"))
    endpoint = run.endpoint
    assert run.post("/v1/logs", BODY) == 200
    wait(lambda: collector.refused > 0)
    (tmp_path / "token.txt").write_text("good-token-0000\n")
    run.process.send_signal(signal.SIGHUP)
    wait(lambda: collector.events == 5)
    assert run.endpoint == endpoint  # the receiver kept its port
    receipt = run.stop()
    assert receipt["exporters"]["splunk_hec"]["delivered"] == 5
    log = run.log.read_text()
    assert "HELD" in log
    assert "code 4" in log
    assert "token-0000" not in log


def test_a_second_signal_ends_at_once_and_what_is_queued_stays(
    beacon: Callable[..., Any], collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "token.txt").write_text("wrong-token-0000\n")
    pipeline = PIPELINE.replace("URL", f"http://127.0.0.1:{collector.server_address[1]}")
    run = beacon(pipeline, "--drain-timeout", "1h")
    assert run.post("/v1/logs", BODY) == 200
    wait(lambda: collector.refused > 0)
    run.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert run.process.poll() is None
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(20) == 143
    receipt = json.loads(run.receipt_file.read_text())
    assert receipt["balanced"]
    assert receipt["exporters"]["splunk_hec"]["queued"] == 5


def test_a_taken_port_is_a_clear_error(beacon: Callable[..., Any], tmp_path: Path) -> None:
    first = beacon()
    port = first.endpoint.rpartition(":")[2]
    (tmp_path / "second").mkdir()
    pipeline = (tmp_path / "pipeline.yaml").read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
    second = beacon(pipeline, folder=tmp_path / "second")
    assert second.process.wait(30) == 78
    assert port in second.log.read_text()
    assert "Traceback" not in second.log.read_text()


def test_two_runs_on_one_queue_are_refused(beacon: Callable[..., Any], tmp_path: Path) -> None:
    first = beacon()
    first.wait_ready()
    (tmp_path / "second").mkdir()
    pipeline = (tmp_path / "pipeline.yaml").read_text().replace("state/queue.db", "../state/queue.db")
    second = beacon(pipeline, folder=tmp_path / "second")
    assert second.process.wait(30) == 78
    assert f"in use by process {first.process.pid}" in second.log.read_text()


def test_a_signal_right_after_the_start_is_never_missed(tmp_path: Path) -> None:
    """Where another thread gets it, or the main thread is about to wait, nothing wakes Python: it wakes by itself."""
    text = PIPELINE.replace("splunk_hec: {endpoint", "file: {path: out.jsonl} #").replace("[splunk_hec]", "[file]")
    (tmp_path / "p.yaml").write_text(text)
    ready = tmp_path / "ready.json"
    for number in range(15):
        command = [sys.executable, "-m", "beacon_core.cli", "run", "-p", "p.yaml", "--ready-file", "ready.json"]
        process = subprocess.Popen([*command, "--until-eof"], cwd=tmp_path, stdin=subprocess.PIPE)
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(number * 0.001)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdin is not None
        process.stdin.close()
