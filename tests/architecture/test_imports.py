"""What is imported before it is needed: nothing that takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = {
    *("asyncio", "httptools", "httpx", "msgspec", "opentelemetry", "platformdirs", "psutil", "pydantic"),
    *(
        "pydantic_settings",
        "sqlite3",
        "stevedore",
        "tenacity",
        "httptools",
        "uvloop",
        "yaml",
        "google",
        "email",
        "http",
    ),
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["validate", "--help"],
        ["doctor", "--help"],
        ["components", "--help"],
        ["plugins", "--help"],
        ["queue", "--help"],
        ["fingerprint", "--help"],
        ["canonicalize", "--help"],
        ["sanitize", "--help"],
        ["telemetry", "--help"],
        ["ci", "--help"],
        *(["ci", command, "--help"] for command in ("exec", "start", "stop", "status", "validate", "print-pipeline")),
        ["report", "--help"],
    ],
)
def test_help_imports_click_and_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, json, io, contextlib\n"
        "from beacon_core.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    try: main(json.loads(sys.argv[1]))\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "assert out.getvalue()\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "click" in loaded
    assert loaded & FORBIDDEN == set()


PIPELINE = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors: {sanitize: {}}
exporters: {splunk_hec: {endpoint: "http://127.0.0.1:9", token: "${env:TOKEN}"}}
service:
  queue: {path: queue.db}
  pipelines: {default: {receivers: [otlp], processors: [sanitize], exporters: [splunk_hec]}}
"""


def test_a_pipeline_that_accepts_has_imported_nothing_that_only_its_work_needs(tmp_path: Path) -> None:
    """HTTP for the first delivery, protobuf for an unusual request, metrics for an admin endpoint, other components."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    program = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from beacon_core.cli.options import load_graph\n"
        "from beacon_core.service import Service\n"
        "def accepts(endpoints):\n"
        "    assert endpoints['otlp']['http']\n"
        "    print(json.dumps(sorted(sys.modules)))\n"
        "    service.stop()\n"
        "service = Service(load_graph((Path('pipeline.yaml'),), ()), announced=accepts)\n"
        "service.run()"
    )
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environ["TOKEN"] = "made-up"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "beacon_splunk.exporter" in loaded
    packages = {name.partition(".")[0] for name in loaded}
    unneeded = (
        "httpx",
        "google",
        "grpc",
        "opentelemetry",
        "psutil",
        "pydantic_settings",
        "beacon_datadog",
        "beacon_file",
    )
    assert packages & set(unneeded) == set()
    others = ("processors.canonicalize", "processors.fingerprint", "receivers.exec", "receivers.spool", "ci", "report")
    assert loaded & {f"beacon_core.{name}" for name in others} == set()
