"""`beacon doctor`: whether a pipeline can work here and now."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beacon_core.testing import FaultyServer, Request, Step

BEACON = Path(sys.executable).with_name("beacon")
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
PIPELINE = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
processors: {{sanitize: {{}}}}
exporters:
  file: {{path: "{path}"}}
  splunk_hec: {{endpoint: "{url}", token: "${{env:SPLUNK_HEC_TOKEN}}"}}
service:
  queue: {{path: state/queue.db}}
  pipelines:
    default: {{receivers: [otlp], processors: [sanitize], exporters: [file, splunk_hec]}}
"""


def doctor(folder: Path, url: str, *options: str, port: int = 0, path: str = "out/a.jsonl") -> Any:
    (folder / "p.yaml").write_text(PIPELINE.format(url=url, port=port, path=path))
    return subprocess.run(
        [str(BEACON), "doctor", "-p", "p.yaml", *options],
        cwd=folder,
        env={**os.environ, "SPLUNK_HEC_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def hec(request: Request) -> Step:
    """Answer as Splunk does: healthy, and without an event the code that follows the check of the token."""
    if request.path.endswith("/health"):
        assert request.method == "GET"
        return Step(body=b'{"text":"HEC is healthy","code":17}')
    known = request.headers["authorization"] == f"Splunk {TOKEN}"
    assert not request.body, "no event is sent"
    return Step(status=400, body=b'{"text":"No data","code":5}') if known else Step(status=403)


def test_a_pipeline_that_is_well(tmp_path: Path) -> None:
    with FaultyServer(hec) as server:
        result = doctor(tmp_path, server.url)
    *lines, native = result.stdout.splitlines()
    assert lines == [
        "ok      queue: state/queue.db",
        "ok      processor sanitize",
        f"ok      exporter file: {tmp_path}/out/a.jsonl can be written",
        "ok      exporter splunk_hec: healthy, and takes the token",
        "ok      receiver otlp: " + lines[-1].rpartition(" ")[2],
    ]
    assert native.startswith("ok      native code: beacon-native ")
    assert result.returncode == 0
    assert not (tmp_path / "state" / "queue.db").exists()


def test_the_findings_as_json(tmp_path: Path) -> None:
    with FaultyServer(hec) as server:
        findings = json.loads(doctor(tmp_path, server.url, "--json").stdout)
    assert [finding["part"].split()[0] for finding in findings] == [
        *("queue", "processor", "exporter", "exporter", "receiver", "native")
    ]
    assert findings[3] == {"part": "exporter splunk_hec", "well": True, "says": "healthy, and takes the token"}


@pytest.mark.parametrize(
    ("step", "code", "says"),
    [
        (Step(status=503, body=b'{"text":"HEC is unhealthy, queues are full","code":18}'), 69, "code 18"),
        (Step(status=403, body=b'{"text":"Invalid token","code":4}'), 78, "code 4"),
        (Step(fault="reset"), 69, "splunk_hec"),
    ],
)
def test_p7_a_destination_that_is_not_well_decides_the_exit_code(
    tmp_path: Path, step: Step, code: int, says: str
) -> None:
    with FaultyServer(lambda _request: step) as server:
        result = doctor(tmp_path, server.url)
    assert result.returncode == code
    line = next(line for line in result.stdout.splitlines() if line.startswith("failed"))
    assert says in line
    assert TOKEN not in result.stdout + result.stderr


def test_a_taken_port_and_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, FaultyServer(hec) as server:
        port = taken.getsockname()[1]
        result = doctor(tmp_path, server.url, port=port, path=str(tmp_path))
    failed = [line for line in result.stdout.splitlines() if line.startswith("failed")]
    assert len(failed) == 2
    assert str(tmp_path) in failed[0]
    assert str(port) in failed[1]
    assert result.returncode in {1, 78}


def test_what_is_wrong_with_the_configuration_comes_first(tmp_path: Path) -> None:
    result = doctor(tmp_path, "nonsense")
    assert (result.returncode, result.stdout) == (78, "")
    assert "p.yaml:7" in result.stderr
