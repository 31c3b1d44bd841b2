"""A real `beacon run` in a folder of its own, and what a client sends to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

BEACON = Path(sys.executable).with_name("beacon")
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "agents"
QUICKSTART = Path(__file__).parents[2] / "docs" / "examples" / "quickstart"

PIPELINE = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  sanitize: {}
exporters:
  file: {path: out/telemetry.jsonl}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [otlp], processors: [sanitize], exporters: [file]}
"""


class Run:
    """A running `beacon run`; its files are in `folder`."""

    def __init__(
        self,
        folder: Path,
        pipeline: str,
        *options: str,
        environ: Mapping[str, str] = os.environ,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.folder = folder
        (folder / "pipeline.yaml").write_text(pipeline)
        self.log = folder / "stderr.txt"
        self.ready_file, self.receipt_file = folder / "ready.json", folder / "receipt.json"
        self.ready_file.unlink(missing_ok=True)
        self.receipt_file.unlink(missing_ok=True)
        command = [str(BEACON), "run", "-p", "pipeline.yaml", "--ready-file", "ready.json", "--receipt", "receipt.json"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *options], cwd=folder, stdin=stdin, stderr=log, stdout=log, env=dict(environ)
            )

    def wait_ready(self, seconds: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not self.ready_file.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)
        ready: dict[str, Any] = json.loads(self.ready_file.read_text())
        return ready

    @property
    def endpoint(self) -> str:
        url: str = self.wait_ready()["endpoints"]["otlp"]["http"]
        return url

    def connect(self) -> http.client.HTTPConnection:
        url = urllib.parse.urlsplit(self.endpoint)
        return http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None, *, chunked: bool = False) -> int:
        link = self.connect()
        sent = {"Content-Type": "application/json"} | dict(headers or {})
        if chunked:
            link.request(
                "POST",
                path,
                iter([body[:100], body[100:]]),
                sent | {"Transfer-Encoding": "chunked"},
                encode_chunked=True,
            )
        else:
            link.request("POST", path, body, sent)
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status

    def stop(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        self.process.send_signal(number)
        return self.end()

    def end(self, seconds: float = 60) -> dict[str, Any]:
        assert self.process.wait(seconds) == 0, self.log.read_text()
        receipt: dict[str, Any] = json.loads(self.receipt_file.read_text())
        assert receipt["balanced"]
        return receipt

    def lines(self, name: str = "out/telemetry.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


@pytest.fixture
def beacon(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(pipeline: str = PIPELINE, *options: str, folder: Path = tmp_path, **more: Any) -> Run:
        runs.append(Run(folder, pipeline, *options, **more))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()


@pytest.fixture(scope="session")
def recordings() -> list[tuple[Path, dict[str, Any]]]:
    """Every recorded HTTP request with its manifest entry, in order."""
    if not SHARED.is_dir():
        pytest.skip("the recorded sessions are not beside this checkout")
    return [
        (manifest.parent / entry["file"], entry)
        for manifest in sorted(SHARED.glob("*/*/manifest.json"))
        for entry in json.loads(manifest.read_text())
        if entry["transport"] == "http"
    ]
