"""`beacon run` with an agent's stream, from the command to the file: no secret on disk, nothing left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import BEACON, SHARED

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands here are POSIX's")

PIPELINE = """
receivers:
  exec: {OPTIONS}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters:
  file: {path: out/telemetry.jsonl}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [exec], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""


def pipeline(**options: Any) -> str:
    return PIPELINE.replace("{OPTIONS}", json.dumps(options))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded sessions are not beside this checkout")
def test_p2_p3_recorded_sessions_arrive_without_their_secrets_and_are_accounted_for(
    beacon: Callable[..., Any], tmp_path: Path
) -> None:
    names = ("secrets_json", "secrets_rejected_json", "multi_tools_ci_json", "tool_json")  # those with secrets in them
    sessions = sorted(str(path) for name in names for path in SHARED.glob(f"*/{name}/stdout.jsonl"))
    planted = json.loads((SHARED / "planted_secrets.json").read_text())
    secrets = [each["value"] for key in planted if isinstance(planted[key], list) for each in planted[key]]
    credentials = [value.encode() for value in secrets if not value.startswith(("alice", "/home", "dev@"))]
    for number, session in enumerate(sessions):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = beacon(pipeline(command=["cat", session]), folder=folder)
        figures = run.end()["exporters"]["file"]
        assert figures["delivered"] + figures["filtered"] == figures["accepted"]
        kept = [line["name"] for line in run.lines()]
        assert (kept[0], kept[-1]) == ("agent.process.started", "agent.process.completed")
        assert kept.count("session.started") == kept.count("session.completed") == 1
        written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert not [value for value in credentials if value in written]


def test_a5_a_signal_ends_the_command_and_what_it_printed_is_delivered(
    beacon: Callable[..., Any], tmp_path: Path
) -> None:
    script = f'trap "" TERM; echo $$ > {tmp_path}/pid; echo here; while :; do sleep 600; done'
    run = beacon(pipeline(command=["sh", "-c", script], format="text"))
    run.wait_ready()
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.stop(signal.SIGTERM)
    assert [line["name"] for line in run.lines()][-1] == "agent.process.cancelled"
    assert "here" in [line.get("body") for line in run.lines()]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_command_that_does_not_exist_is_a_configuration_error(beacon: Callable[..., Any]) -> None:
    run = beacon(pipeline(command=["no-such-agent-anywhere"]))
    assert run.process.wait(60) == 78
    assert "the command 'no-such-agent-anywhere' was not found" in run.log.read_text()


def test_a_stream_is_piped_in(tmp_path: Path) -> None:
    stream = b'{"type":"system","subtype":"init","session_id":"s"}\n{"type":"result","session_id":"s","uuid":"v"}\n'
    (tmp_path / "pipeline.yaml").write_text(pipeline().replace("exec: {}", "stdin: {}").replace("[exec]", "[stdin]"))
    subprocess.run(
        [str(BEACON), "run", "-p", "pipeline.yaml"],
        cwd=tmp_path,
        input=stream,
        check=True,
        timeout=60,
        capture_output=True,
    )
    lines = [json.loads(line) for line in (tmp_path / "out" / "telemetry.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["session.started", "session.completed"]
