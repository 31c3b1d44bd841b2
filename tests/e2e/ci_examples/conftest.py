"""What the examples meet in CI: a machine with an agent, npm, pip and python3 on its PATH, and a destination."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.github_runner import end_everything_with

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples" / "ci"
BEACON = Path(sys.executable).with_name("beacon")
TOKEN = "t0ken-0f-the-destination-4711"
#: Code in every language that a prompt could be put into, and what would end a quoted text or a heredoc.
PROMPT = (
    "Say 'hi'; touch pwned; \"$(touch pwned)\" `touch pwned` ${{ secrets.X }} $PWD %PATH%\nEOF\n}}'''\ntouch pwned é"
)
#: The job has a line break and a delimiter where variables are made from what it has set.
HOSTILE = {
    "OTEL_RESOURCE_ATTRIBUTES": "team=a.example\nEOF\nPATH<<EOF\n/evil\nEOF\nLD_PRELOAD=/evil.so",
    "NO_PROXY": "a.example b.example",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:1/elsewhere",
}

#: Reports one prompt as Claude Code does, where its environment says so; keeps what it was given.
CLAUDE = """#!{python}
import json, os, sys, time, urllib.request
with open(os.environ["AGENT_SEEN"], "a") as seen:
    seen.write(json.dumps({{"argv": sys.argv[1:], "environ": dict(os.environ)}}) + "\\n")
if os.environ.get("CLAUDE_CODE_ENABLE_TELEMETRY") == "1" and os.environ.get("OTEL_LOGS_EXPORTER") == "otlp":
    def text(value): return {{"stringValue": value}}
    attributes = {{"event.name": "user_prompt", "session.id": "s-1", "prompt.id": "p-1", "prompt_length": "5"}}
    record = {{"timeUnixNano": str(time.time_ns()), "body": text("claude_code.user_prompt"),
              "attributes": [{{"key": key, "value": text(value)}} for key, value in attributes.items()]}}
    scope = {{"name": "com.anthropic.claude_code.events"}}
    resource = {{"attributes": [{{"key": "service.name", "value": text("claude-code")}}]}}
    body = {{"resourceLogs": [{{"resource": resource, "scopeLogs": [{{"scope": scope, "logRecords": [record]}}]}}]}}
    base = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT") or base + "/v1/logs"
    request = urllib.request.Request(endpoint, json.dumps(body).encode(), {{"Content-Type": "application/json"}})
    urllib.request.urlopen(request, timeout=60).read()
print("done")
"""
PYTHON3 = """#!/bin/sh
if [ "$1" = -m ] && [ "$2" = venv ]; then
  mkdir -p "$3/bin" && ln -s "$(command -v npm)" "$3/bin/pip" && ln -s "$(command -v beacon)" "$3/bin/beacon"
  printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@" >> "$PIP_SEEN"\\n' > "$3/bin/python" && chmod +x "$3/bin/python"
  exit
fi
exec {python} "$@"
"""


class Destination(ThreadingHTTPServer):
    """Splunk and Datadog in one: takes everything that comes with the token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bodies: list[str] = []
        self.refused: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Taking(BaseHTTPRequestHandler):
    server: Destination

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        known = TOKEN in f"{self.headers.get('Authorization')} {self.headers.get('DD-API-KEY')}"
        (self.server.bodies if known else self.server.refused).append(body.decode())
        splunk = "services/collector" in self.path
        answer = json.dumps({"text": "Success", "code": 0} if splunk else {}).encode()
        self.send_response((200 if splunk else 202) if known else 403)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - as http.server calls it

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Machine:
    """Where a job runs: a workspace, a folder for temporary files, and what it finds on its PATH."""

    def __init__(self, folder: Path, destination: Destination) -> None:
        self.folder, self.destination = folder, destination
        self.workspace, self.temp, self.tools = folder / "workspace", folder / "temp", folder / "tools"
        for each in (self.workspace, self.temp, self.tools, folder / "home"):
            each.mkdir()
        (self.tools / "beacon").symlink_to(BEACON)
        for name in ("npm", "pip"):
            self._tool(name, "#!/bin/sh\n")
        self._tool("claude", CLAUDE.format(python=sys.executable))
        self._tool("python3", PYTHON3.format(python=sys.executable))
        self.environ = {
            "PATH": f"{self.tools}{os.pathsep}{os.defpath}",
            "HOME": str(folder / "home"),
            "TMPDIR": str(self.temp),
            "LANG": "C.UTF-8",
            "AGENT_SEEN": str(folder / "agent.jsonl"),
            "PIP_SEEN": str(folder / "pip.txt"),
            "BEACON_CI_SPLUNK_HEC_ENDPOINT": destination.url,
            "BEACON_CI_DATADOG_ENDPOINT": destination.url,
            **HOSTILE,
        }

    def _tool(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def run(self, command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.workspace,
            env=self.environ | dict(environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    def seen(self) -> list[dict[str, Any]]:
        """Return how the agent was called."""
        path = Path(self.environ["AGENT_SEEN"])
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def check(self, *, runs: int, variable: str) -> None:
        """See that everything that an example promises came true.

        Args:
            runs: how often the agent was to run.
            variable: what holds the destination's token.
        """
        calls = self.seen()
        assert len(calls) == runs
        assert calls[0]["argv"][:2] == ["-p", PROMPT], "the prompt is text, not code"
        assert not [*self.folder.rglob("pwned")]
        for call in calls:
            assert variable not in call["environ"]
            assert TOKEN not in str(call)
            assert "LD_PRELOAD" not in call["environ"]
            assert call["environ"]["PATH"].endswith(self.environ["PATH"])
        assert self.destination.refused == []
        delivered = "".join(self.destination.bodies)
        assert delivered.count("prompt.submitted") >= runs
        assert TOKEN not in delivered
        left = [path for path in self.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
        assert left == [], "no file has the token"


@pytest.fixture
def destination() -> Iterator[Destination]:
    server = Destination()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def machine(tmp_path: Path, destination: Destination) -> Iterator[Machine]:
    machine = Machine(tmp_path, destination)
    yield machine
    end_everything_with("AGENT_SEEN", machine.environ["AGENT_SEEN"])


@pytest.fixture
def example(destination: Destination) -> Callable[[str], str]:
    """Return the text of an example, with the destination of the test in it."""
    return lambda name: (EXAMPLES / name).read_text().replace("https://splunk.example:8088", destination.url)
