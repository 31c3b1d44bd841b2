"""`beacon ci exec --stream-json`: the job's log is as it was without Beacon, and the session has the stream ([A6])."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ci.job import BEACON, DEADLINE, SHARED, Job, body, wait

RECORDED = SHARED / "claude_code" / "multi_tools_ci_json" / "stdout.jsonl"
#: Prints a file, and what it was called with on stderr.
CLAUDE = """#!{python}
import os, shutil, sys
print(*sys.argv[1:], file=sys.stderr)
with open({file!r}, "rb") as file:
    shutil.copyfileobj(file, sys.stdout.buffer)
"""


def claude(job: Job, file: Path) -> None:
    """Put an agent of that name into the job's path."""
    program = job.folder / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(CLAUDE.format(python=sys.executable, file=str(file)))
    program.chmod(0o755)
    job.environ["PATH"] = f"{program.parent}{os.pathsep}{job.environ['PATH']}"


def streamed(job: Job, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return job.ci("exec", "--stream-json", "--", *command, **more)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded sessions are not there")
def test_a6_the_stream_of_an_agent_is_copied_byte_for_byte_and_becomes_events(job: Job) -> None:
    claude(job, RECORDED)
    done = streamed(job, "claude", "-p", "go", text=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == RECORDED.read_bytes()  # type: ignore[comparison-overlap] # bytes, as text is off
    assert b"-p go --verbose --output-format stream-json" in done.stderr  # type: ignore[operator]
    events = job.lines()
    names = [event["name"] for event in events]
    assert (names[0], names.count("session.completed")) == ("session.started", 1)
    assert "command.executed" in names
    assert {event["attributes"]["beacon.source"] for event in events} == {"stdout"}
    assert {event["attributes"]["beacon.agent.name"] for event in events} == {"claude_code"}


def test_a4_whatever_is_printed_is_copied_and_kept_as_text(job: Job) -> None:
    noise = job.work / "noise"
    noise.write_bytes(b"plain\n\xff\xfe not UTF-8\n" + b"x" * 3_000_000 + b'\n{"half": \nlast without a newline')
    done = streamed(job, "cat", str(noise), text=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == noise.read_bytes()  # type: ignore[comparison-overlap]
    bodies = [event["body"] for event in job.lines()]
    assert bodies[0] == "plain"
    assert "not UTF-8" in bodies[1]
    assert bodies[3:] == ['{"half": ', "last without a newline"]


def test_p2_what_is_printed_is_sanitized_in_the_telemetry_only(job: Job) -> None:
    done = streamed(job, "echo", "password=hunter2-hunter2")
    assert done.stdout == "password=hunter2-hunter2\n"
    for path in job.base.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


@pytest.mark.parametrize("code", [0, 7])
def test_p9_the_command_goes_on_without_its_sidecar(job: Job, code: int) -> None:
    script = f"echo one; while [ ! -e go ]; do sleep 0.05; done; echo two; exit {code}"
    process = job.popen("exec", "--stream-json", "--", "sh", "-c", script)
    wait((job.base / "session.json").exists, "the session")
    os.kill(job.state()["pid"], signal.SIGKILL)
    (job.work / "go").touch()
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (code, "one\ntwo\n"), err


def test_p9_a_reader_that_leaves_early_is_the_commands_affair(job: Job) -> None:
    producer = 'trap "exit 3" PIPE; while :; do echo line; done'
    script = f'("$0" ci exec --base-dir "$1" --stream-json -- sh -c {producer!r}; echo "code $?" >&2) | head -n 1'
    done = job.run(["sh", "-c", script, BEACON, str(job.base)])
    assert done.stdout == "line\n"
    assert "code 3" in done.stderr or f"code {128 + signal.SIGPIPE}" in done.stderr, done.stderr


def test_what_a_command_leaves_running_is_not_waited_for_for_ever(job: Job) -> None:
    sleeper = "subprocess.Popen(['sleep', '600'], start_new_session=True, stderr=subprocess.DEVNULL)"
    done = streamed(job, sys.executable, "-W", "ignore", "-c", f"import subprocess; p = {sleeper}; print('done')")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert "holds its output open" in done.stderr
    assert [event["body"] for event in job.lines()] == ["done"]


def test_what_an_agent_sends_itself_is_there_as_well(job: Job) -> None:
    script = (
        "import os, urllib.request\n"
        "url = os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] + '/v1/logs'\n"
        f"request = urllib.request.Request(url, {body()!r}, {{'Content-Type': 'application/json'}})\n"
        "urllib.request.urlopen(request, timeout=30).read(); print('printed')\n"
    )
    done = streamed(job, sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    assert len(job.lines()) == 2
