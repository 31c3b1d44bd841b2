"""`beacon run --once` with spool files: several at once, killed at the worst moment, with nobody at the other end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.receivers.spool.files import BEACON, leave

PIPELINE = """
receivers:
  spool: {directory: "${env:SPOOL}"}
  stdin: {}
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  sanitize: {}
exporters:
  file: {path: out.jsonl}
  splunk_hec: {endpoint: "http://127.0.0.1:1", token: "${env:TOKEN:-none}"}
service:
  queue: {path: queue.db}
  pipelines:
    default: {receivers: [spool], processors: [sanitize], exporters: [file]}
"""

#: Stores what it is given in a real queue and is gone before the file is deleted.
KILLED = """
import os, signal, sys
from pathlib import Path
from beacon_core import Counters, Host
from beacon_core.pipeline import Intake, Pipeline
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.receivers.spool import SpoolConfig, SpoolReceiver

queue = SqliteQueue(SqliteQueue.config_class(path=Path("queue.db")))
queue.start(Host("queue"))

class Fatal:
    def consume(self, batch):
        Intake("spool", [Pipeline("default", [], ["file"])], queue, Counters()).consume(batch)
        os.kill(os.getpid(), signal.SIGKILL)

spool = SpoolReceiver(SpoolConfig(directory=Path(os.environ["SPOOL"])))
spool.start(Host("spool"))
spool.run(Fatal())
"""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def prepare(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "p.yaml").write_text(PIPELINE)
    return folder


def start(folder: Path, spool: Path, *options: str) -> subprocess.Popen[bytes]:
    """Run a single pass in a folder of its own, with a queue of its own."""
    command = [str(BEACON), "run", "--once", "-p", "p.yaml", "--receipt", "receipt.json", *options]
    environ = {**os.environ, "SPOOL": str(spool)}
    with (prepare(folder) / "stderr.txt").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ)


def end(process: subprocess.Popen[bytes], folder: Path) -> tuple[int, str]:
    code = process.wait(120)
    return code, (folder / "stderr.txt").read_text()


def delivered(folder: Path) -> list[str]:
    out = folder / "out.jsonl"
    return [json.loads(line)["body"] for line in out.read_text().splitlines()] if out.exists() else []


def receipt(folder: Path) -> Any:
    return json.loads((folder / "receipt.json").read_text())


def test_t7_three_at_once_deliver_every_event_of_200_files_exactly_once(tmp_path: Path, spool: Path) -> None:
    for number in range(200):
        leave(spool, f"{number}a", f"{number}b", name=f"pending-{number}-x.jsonl")
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for process, folder in [(start(folder, spool), folder) for folder in folders]:
        code, said = end(process, folder)
        assert code == 0, said
        assert receipt(folder)["balanced"]
    arrived = [body for folder in folders for body in delivered(folder)]
    assert sorted(arrived) == sorted(f"{number}{letter}" for number in range(200) for letter in "ab")
    assert list(spool.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_p1_p5_t7_killed_between_storing_and_deleting_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, spool: Path
) -> None:
    leave(spool, "a", "b", name="pending-1-x.jsonl")
    leave(spool, "c", name="pending-2-y.jsonl")
    folder = prepare(tmp_path / "run")
    environ = {**os.environ, "SPOOL": str(spool)}
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=folder, env=environ, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len([path for path in spool.iterdir() if path.name.startswith("taken-")]) == 1
    code, said = end(start(folder, spool), folder)
    assert code == 0, said
    assert sorted(delivered(folder)) == ["a", "b", "c"]
    assert receipt(folder)["deduplicated"] > 0
    assert list(spool.iterdir()) == []


def test_once_ends_with_69_when_nobody_takes_the_events_which_stay_in_the_queue(tmp_path: Path, spool: Path) -> None:
    leave(spool, "a")
    folder = tmp_path / "run"
    with socket.socket() as nobody:  # bound, and nobody listens
        nobody.bind(("127.0.0.1", 0))
        to_nobody = [
            "--set",
            "service.pipelines.default.exporters=[splunk_hec]",
            "--set",
            f"exporters.splunk_hec.endpoint=http://127.0.0.1:{nobody.getsockname()[1]}",
        ]
        code, said = end(start(folder, spool, *to_nobody, "--drain-timeout", "1s"), folder)
    assert code == 69, said
    assert receipt(folder)["exporters"]["splunk_hec"]["queued"] == 1
    assert list(spool.iterdir()) == []


def test_once_with_nothing_to_do_ends_at_once_and_leaves_no_folder(tmp_path: Path, spool: Path) -> None:
    code, said = end(start(tmp_path / "run", spool), tmp_path / "run")
    assert code == 0, said
    assert receipt(tmp_path / "run")["received"] == 0
    assert not spool.exists()


def test_once_reads_standard_input_too(tmp_path: Path, spool: Path) -> None:
    leave(spool, "from a file")
    both = "service.pipelines.default.receivers=[spool, stdin]"
    code, said = end(start(tmp_path / "run", spool, "--set", both), tmp_path / "run")
    assert code == 0, said
    assert delivered(tmp_path / "run") == ["from a file"]


def test_p10_once_refuses_a_receiver_that_waits_for_ever_before_anything_is_touched(
    tmp_path: Path, spool: Path
) -> None:
    leave(spool, "a")
    both = "service.pipelines.default.receivers=[spool, otlp]"
    code, said = end(start(tmp_path / "run", spool, "--set", both), tmp_path / "run")
    assert code == 78
    assert "--once needs receivers that come to an end, such as spool, stdin and file_input: otlp would wait" in said
    assert len(list(spool.iterdir())) == 1
    assert not (tmp_path / "run" / "queue.db").exists()


def test_a_sidecar_takes_what_programs_leave_while_it_runs(tmp_path: Path, spool: Path) -> None:
    folder = prepare(tmp_path / "run")
    environ = {**os.environ, "SPOOL": str(spool)}
    command = [str(BEACON), "run", "-p", "p.yaml", "--ready-file", "ready.json"]
    command += ["--set", "receivers.spool.poll_interval=10ms"]
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if "spool is ready" in said:
                break
        leave(spool, "while it runs")
        while any(spool.iterdir()) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert delivered(folder) == ["while it runs"]
