"""Runs of a fake agent inside a session, and what is missing afterwards."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plugins.splunk.tests.hec_server import HecServer
from tests.e2e.ci.job import BEACON, Job

TOKEN = "11111111-2222-3333-4444-555555555555"
MODES = ("exec", "start")
DESTINATIONS = ("up", "slow", "down")
RECORDS = 25
CODE = 3  # what the agent ends with
SLOW = 0.3  # seconds that a slow destination takes to answer
PYTHON_AGENT = (sys.executable, str(Path(__file__).with_name("agent.py")))


@contextmanager
def destination(kind: str) -> Iterator[tuple[str, HecServer | None]]:
    """Give a destination's URL, and what it got."""
    if kind == "down":
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        yield f"http://127.0.0.1:{port}", None
        return
    with HecServer(TOKEN) as hec:
        if kind == "slow":
            hec.mood = lambda _request: time.sleep(SLOW)
        yield hec.url, hec


def run(folder: Path, mode: str, kind: str, agent: tuple[str, ...] = PYTHON_AGENT) -> list[str]:
    """Run the agent once and return what is wrong, as sentences."""
    folder.mkdir(parents=True)
    job = Job(folder)
    job.environ["BEACON_CI_SPLUNK_HEC_TOKEN"] = TOKEN
    words = [*agent, folder.name, str(RECORDS), str(CODE)]
    try:
        with destination(kind) as (url, hec):
            forward = ["--harness", "claude", "--forward", "splunk", "--forward-endpoint", url]
            grace = ["--grace", "4s" if kind == "down" else "30s"]
            outcome, code = (_exec if mode == "exec" else _start_stop)(job, forward, grace, words)
            return [f"{mode}, {kind}: {problem}" for problem in _problems(job, outcome, code, hec)]
    finally:
        job.close()


def _exec(job: Job, forward: list[str], grace: list[str], words: list[str]) -> tuple[dict[str, Any], int]:
    done = job.ci("exec", *forward, *grace, "--outcome", "outcome.json", "--", *words)
    return json.loads((job.work / "outcome.json").read_text()), done.returncode


def _start_stop(job: Job, forward: list[str], grace: list[str], words: list[str]) -> tuple[dict[str, Any], int]:
    started = job.ci("start", *forward, "--print-env", "json")
    assert started.returncode == 0, started.stderr
    job.state()
    environment = json.loads(started.stdout)
    environ = {name: value for name, value in job.environ.items() if name not in environment["unset"]}
    done = job.run(words, environ=environ | environment["set"])
    stopped = job.run([BEACON, "ci", "stop", "--base-dir", str(job.base), "--json", *grace])
    return json.loads(stopped.stdout), done.returncode


def _problems(job: Job, outcome: dict[str, Any], code: int, hec: HecServer | None) -> Iterator[str]:
    lines = job.lines()
    marks = {line["attributes"].get("beacon.raw", {}).get("mark") for line in lines} - {None}
    wanted = {f"{job.folder.name}-{number}" for number in range(RECORDS)}
    if code != CODE:
        yield f"the code was {code}"
    if marks != wanted:
        yield f"{len(wanted - marks)} of {RECORDS} records are missing"
    if not any(line["signal"] == "metric" for line in lines):
        yield "the metrics are missing"
    if outcome["result"] != "ok":
        yield f"the result is {outcome['result']}: {outcome['validation']['stages'][-1]} {outcome['notices']}"
    ids = {line["id"] for line in lines}
    if hec is None and outcome["queued"] != len(ids):
        yield f"{outcome['queued']} are queued, not {len(ids)}"
    if hec is not None and set(hec.ids) != ids:
        yield f"the destination has {len(set(hec.ids) & ids)} of {len(ids)}"
    if job.left():
        yield f"still running: {job.left()}"
