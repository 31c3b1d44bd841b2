"""A CI job as `beacon ci` sees it: a directory, an environment of its own, and the files that a runner gives it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

BEACON = str(Path(sys.executable).with_name("beacon"))
SHARED = Path(__file__).parents[4] / "shared" / "fixtures" / "agents"
DEADLINE = 60.0  # seconds; far more than anything takes, for machines that are busy


@dataclass
class Job:
    """A job. What it has started and left running is killed at the end of the test.

    Attributes:
        folder: its working directory.
        environ: its environment; tests change it.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "work"):
            (self.folder / name).mkdir()
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONWARNINGS": "error",
        }

    @property
    def base(self) -> Path:
        """The base directory that commands of `beacon` are given."""
        return self.folder / "base"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def ci(self, command: str, *words: str, base: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `beacon ci ...` to its end."""
        place = ["--base-dir", str(self.base)] if base else []
        return self.run([BEACON, "ci", command, *place, *words], **more)

    def run(self, words: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
        environ = self.environ | more.pop("environ", {})
        return subprocess.run(
            words,
            **{"cwd": self.work, "env": environ, "capture_output": True, "text": True, "timeout": DEADLINE} | more,
            check=False,
        )

    def popen(self, command: str, *words: str, **more: Any) -> subprocess.Popen[str]:
        """Begin `beacon ci ...`."""
        environ = self.environ | more.pop("environ", {})
        process = subprocess.Popen(
            [BEACON, "ci", command, "--base-dir", str(self.base), *words],
            **{"cwd": self.work, "env": environ, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            | more,
        )
        self.seen.add(process.pid)
        return process

    def start(self, *words: str, **more: Any) -> dict[str, Any]:
        """Start a session and return its state."""
        done = self.ci("start", *words, **more)
        assert done.returncode == 0, done.stderr
        return self.state()

    def state(self, path: Path | None = None) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((path or self.base / "session.json").read_text())
        self.seen.add(state["pid"])
        return state

    def stop(self, *words: str, code: int = 0, **more: Any) -> dict[str, Any]:
        """Stop the session and return the outcome."""
        done = self.ci("stop", "--json", *words, **more)
        assert done.returncode == code, done.stderr + done.stdout
        outcome: dict[str, Any] = json.loads(done.stdout)
        return outcome

    def lines(self, path: Path | None = None) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (path or self.base / "runtime.jsonl").read_text().splitlines()]

    def close(self) -> None:
        for process in self.left():
            process.kill()

    def left(self) -> list[psutil.Process]:
        """Return what still runs of what this job has started: everything in its environment's HOME."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == self.environ["HOME"] and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def body(count: int = 1, text: str = "event", service: str = "claude-code") -> bytes:
    """Return a request with log records, as an agent sends it, in JSON."""
    records = [
        {
            "timeUnixNano": "1795145112904000000",
            "body": {"stringValue": f"claude_code.{text}"},
            "attributes": [
                {"key": "event.name", "value": {"stringValue": text}},
                {"key": "number", "value": {"intValue": number}},
                {"key": "session.id", "value": {"stringValue": "11111111-2222-4333-8444-555555555555"}},
            ],
        }
        for number in range(count)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}).encode()


def post(endpoint: str, content: bytes, path: str = "/v1/logs", headers: Mapping[str, str] | None = None) -> int:
    url = urllib.parse.urlsplit(endpoint)
    link = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    try:
        link.request("POST", path, content, {"Content-Type": "application/json"} | dict(headers or {}))
        answer = link.getresponse()
        answer.read()
        return answer.status
    finally:
        link.close()


def wait(condition: Callable[[], object], what: str = "") -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not alive(pid))
