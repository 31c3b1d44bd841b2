"""A home of its own, a server that records and answers as told, and real applications in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import pytest

PACKAGE = Path(__file__).parents[1]
APPS = Path(__file__).parent / "apps"
DEADLINE = 60.0


def records_of(body: bytes) -> list[dict[str, Any]]:
    """Return the log records of a request, each with its name and its attributes as a map."""
    found = []
    for part in json.loads(body)["resourceLogs"]:
        resource = attributes_of(part["resource"]["attributes"])
        for scope in part["scopeLogs"]:
            for record in scope["logRecords"]:
                attributes = attributes_of(record["attributes"])
                found.append({**record, "name": record["eventName"], "attributes": attributes, "resource": resource})
    return found


def attributes_of(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: value_of(pair["value"]) for pair in pairs}


def value_of(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [value_of(each) for each in content["values"]]
    return int(content) if kind == "intValue" else content


class Server:
    """An OTLP/HTTP server; `answers` are given in turn, the last one for ever: a status, or status and headers."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[Any] = [200]
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.requests.append((self.path, dict(self.headers), body))
                answer = owner.answers.pop(0) if len(owner.answers) > 1 else owner.answers[0]
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in {"Content-Length": "2", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:  # a client that has read the status only
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def records(self) -> list[dict[str, Any]]:
        return [record for _, _, body in list(self.requests) for record in records_of(body)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Home:
    """A user's home, with what telemetry keeps there, and the applications that run there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool = path / "state" / "beacon-track" / "acme"
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ},
            "HOME": str(path),
            "XDG_STATE_HOME": str(path / "state"),
            "XDG_CONFIG_HOME": str(path / "config"),
            "TMPDIR": str(path / "tmp"),
            "PYTHONPATH": str(PACKAGE),
            "PYTHONWARNINGS": "error",
            "BEACON_TRACK_TIMEOUT": "45",  # on a slow machine, an answer that comes too late makes a duplicate
            "PYTHONNODEBUGRANGES": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        (path / "tmp").mkdir()

    def command(self, app: str, *arguments: str) -> list[str]:
        return [sys.executable, str(APPS / f"{app}.py"), *arguments]

    def run(self, app: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(app, *arguments),
            env={**self.environ, **environ},
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )

    def start(self, app: str, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(app, *arguments),
            env={**self.environ, **environ},
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def flush(self, url: str, **environ: str) -> int:
        variables = {"BEACON_TRACK_ENDPOINT": url, "BEACON_TRACK_DISABLED": "1"}
        command = [sys.executable, "-m", "beacon_track", "flush", str(self.spool)]
        return subprocess.run(
            command, env={**self.environ, **variables, **environ}, check=False, timeout=DEADLINE
        ).returncode

    def names(self, prefix: str = "") -> list[str]:
        return sorted(each.name for each in self.spool.glob(f"{prefix}*")) if self.spool.is_dir() else []

    def records(self, *prefixes: str) -> list[dict[str, Any]]:
        """Return the events of files of the spool, by default of those that wait."""
        try:
            names = [name for name in self.names() if name.startswith(prefixes or "pending-")]
            lines = [line for name in names for line in (self.spool / name).read_bytes().splitlines()]
        except FileNotFoundError:  # it has just been renamed
            return self.records(*prefixes)
        return [record for line in lines if not line.startswith(b"~") for record in records_of(line)]

    def everything(self) -> bytes:
        return b"\n".join(path.read_bytes() for path in sorted(self.path.rglob("*")) if path.is_file())


def wait_for(condition: Callable[[], Any], what: str = "it") -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)
    return found


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def here(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home of this very process, which is not in CI and has no kill switch."""
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "DO_NOT_TRACK", "BEACON_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        monkeypatch.setenv(name, home.environ[name])
    return home


@pytest.fixture
def parse() -> Callable[[bytes], list[dict[str, Any]]]:
    return records_of
