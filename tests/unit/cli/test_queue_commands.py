"""`beacon queue`: what its commands print, where, how they exit, beside a real run and without one."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Entry, Host, decode_line
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import FaultyServer, Request, Step, make_batch

BEACON = Path(sys.executable).with_name("beacon")
COMMANDS = ["status", "list", "show", "retry", "drop", "export", "verify"]
LOOKS = ["status", "list", "export", "export --queued", "verify"]
PIPELINE = """
receivers:
  stdin: {}
processors:
  sanitize: {}
exporters:
  splunk_hec: {endpoint: ENDPOINT, token: "${env:HEC_TOKEN}"}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [stdin], processors: [sanitize], exporters: [splunk_hec]}
"""
TOKEN = "made-up-hec-token"


def beacon(folder: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BEACON), *arguments],
        cwd=folder,
        env=os.environ | environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def queue(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return beacon(folder, "queue", *command.split(), "--queue", "state/queue.db", *arguments)


def parsed(folder: Path, command: str, *arguments: str) -> Any:
    done = queue(folder, command, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a queue: two dead letters of `splunk`, one event left for it, three for `file`."""
    stored = SqliteQueue(SqliteQueue.config_class(path=tmp_path / "state" / "queue.db"))
    stored.start(Host("queue"))
    stored.put([Entry("a", make_batch(3, id="a"), ("file", "splunk"))])
    lease = stored.lease("splunk", max_events=10, max_bytes=1 << 20, timeout=0)
    assert lease is not None
    stored.dead_letter(lease, {"a-0": "HTTP 400: \x1b[31m" + "long " * 20, "a-1": "too large"})
    stored.shutdown(1)
    return tmp_path


class Running:
    """A real `beacon run` that reads a pipe."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        (folder / "p.yaml").write_text(PIPELINE.replace("ENDPOINT", endpoint))
        self.ready = folder / "ready.json"
        command = [str(BEACON), "run", "-p", "p.yaml", "--ready-file", "ready.json"]
        environment = os.environ | {"HEC_TOKEN": TOKEN}
        with (folder / "run.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def send(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A run whose only destination is always busy: everything stays in the queue."""
    with FaultyServer(lambda _: Step(status=503, body=b'{"text":"Server is busy","code":9}')) as server:
        run = Running(tmp_path, server.url)
        with run.process:
            run.send(*(json.dumps({"message": f"event {n}"}) for n in range(5)))
            wait_for(lambda: (tmp_path / "ready.json").exists() and len(server.requests) > 0, run)
            yield run
            run.process.kill()


def wait_for(condition: Any, run: Running) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert run.process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- what is printed ----


def test_status_as_json_has_a_stable_shape(folder: Path) -> None:
    found = parsed(folder, "status")
    assert all(isinstance(each.pop("oldest_age_seconds"), float) for each in found["exporters"].values())
    assert found.pop("size_bytes") > found.pop("stored_bytes") > 0
    oldest = {"oldest_time": "2026-11-20T03:25:12.904Z"}
    later = {"oldest_time": "2026-11-20T03:25:12.904000002Z"}
    assert found == {
        "path": "state/queue.db",
        "schema_version": 1,
        "held": False,
        "held_by": None,
        "exporters": {
            "file": {"batches": 1, "events": 3, **oldest, "dead_letters": 0},
            "splunk": {"batches": 1, "events": 1, **later, "dead_letters": 2},
        },
        "quarantined_batches": 0,
        "damaged_files": [],
    }


def test_status_for_people_names_what_there_is(folder: Path) -> None:
    (folder / "state" / "queue.db.damaged-17").touch()
    done = queue(folder, "status")
    lines = done.stdout.splitlines()
    assert lines[0] == "queue: state/queue.db (schema 1)"
    assert lines[2:4] == ["held by: no process", "set aside: queue.db.damaged-17"]
    assert lines[4].split() == ["EXPORTER", "EVENTS", "BATCHES", "OLDEST", "DEAD", "LETTERS"]
    assert [(line.split()[0], line.split()[1], line.split()[-1]) for line in lines[5:]] == [
        ("file", "3", "0"),
        ("splunk", "1", "2"),
    ]


def test_list_shortens_reasons_and_lets_no_control_character_through(folder: Path) -> None:
    first, second = parsed(folder, "list")
    assert set(first) == {"id", "exporter", "first_time", "last_time", "attempts", "reason", "event_name"}
    assert (second["id"], second["exporter"], second["attempts"], second["reason"]) == (2, "splunk", 1, "too large")
    assert (len(first["reason"]), first["reason"][-1]) == (60, "…")
    done = queue(folder, "list")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["ID", "EXPORTER", "FIRST", "TIME", "LAST", "TIME", "ATTEMPTS", "REASON", "EVENT", "NAME"]
    assert len(rows) == 2
    assert "\x1b" not in done.stdout
    assert len(parsed(folder, "list --limit 1")) == 1
    assert parsed(folder, "list --exporter file") == []
    assert queue(folder, "list --exporter file").stderr == "no dead letters\n"


def test_show_prints_dead_letters_whole(folder: Path) -> None:
    shown = json.loads(queue(folder, "show", "1").stdout)
    assert list(shown) == ["id", "reason", "exporter", "attempts", "first_time", "last_time", "event"]
    assert shown["reason"].endswith("long long ")
    assert (shown["event"]["id"], shown["event"]["body"]) == ("a-0", "event 0")
    assert [each["id"] for each in parsed(folder, "show", "1", "2")] == [1, 2]
    done = queue(folder, "show", "1", "9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "beacon: there is no dead letter 9; see: beacon queue list\n"


def test_export_prints_one_dead_letter_a_line(folder: Path) -> None:
    lines = [json.loads(line) for line in queue(folder, "export").stdout.splitlines()]
    assert [list(line) for line in lines] == [
        ["reason", "exporter", "attempts", "first_time", "last_time", "event"],
    ] * 2
    assert decode_line(json.dumps(lines[1]["event"]).encode()) == make_batch(2, id="a").events[1]
    assert queue(folder, "export --exporter file").stdout == ""
    assert queue(folder, "export", "--json").stdout == queue(folder, "export").stdout


def test_export_of_what_waits_prints_event_lines(folder: Path) -> None:
    lines = queue(folder, "export --queued").stdout.splitlines()
    assert [(json.loads(line)["exporter"], decode_line(line.encode()).id) for line in lines] == [
        *(("file", f"a-{n}") for n in range(3)),
        ("splunk", "a-2"),
    ]


def test_p8_export_leaves_damaged_batches_out_and_says_so(folder: Path) -> None:
    database = sqlite3.connect(folder / "state" / "queue.db")
    database.execute("UPDATE batch SET crc = 0")
    database.commit()
    database.close()
    done = queue(folder, "export --queued")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "left out: 1 batches that cannot be read; see: beacon queue verify\n"
    done = queue(folder, "verify")
    assert (done.returncode, done.stdout) == (1, "batch 1: checksum does not match\n")
    assert json.loads(queue(folder, "verify", "--json").stdout)["problems"] == ["batch 1: checksum does not match"]


def test_verify_says_what_it_looked_at(folder: Path) -> None:
    done = queue(folder, "verify")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("4 events to deliver, 2 dead letters, 0 quarantined batches: nothing wrong\n")
    found = parsed(folder, "verify")
    assert (found.pop("path"), found.pop("stored_bytes") > 0) == ("state/queue.db", True)
    numbers = {"batches": 1, "events": 4, "dead_letters": 2, "quarantined_batches": 0}
    assert found == {"ok": True, "problems": [], **numbers}


@pytest.mark.parametrize("command", LOOKS)
def test_looking_changes_no_file(folder: Path, command: str) -> None:
    before = snapshot(folder / "state")
    for options in ([], ["--json"]):
        assert queue(folder, command, *options).returncode == 0
    assert snapshot(folder / "state") == before


# ---- changing ----


def test_drop_asks_only_where_somebody_can_answer(folder: Path) -> None:
    done = queue(folder, "drop", "--all")
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    for answer, code, left in (("n", 1, 2), ("y", 0, 1)):
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        command = [str(BEACON), "queue", "drop", "1", "--queue", "state/queue.db"]
        asked = subprocess.run(command, cwd=folder, stdin=theirs, capture_output=True, text=True, check=False)
        os.close(ours)
        os.close(theirs)
        assert asked.returncode == code
        assert "Delete for good: 1 of splunk? [y/N]" in asked.stderr
        assert len(parsed(folder, "list")) == left
    assert parsed(folder, "drop --all --yes") == {"deleted": {"splunk": 1}}
    assert queue(folder, "drop --all").stdout == "deleted: nothing\n"


def test_retry_and_drop_want_ids_or_all(folder: Path) -> None:
    for command in ("retry", "drop --yes"):
        for arguments in ([], ["1", "--all"], ["--exporter", "splunk"]):
            done = queue(folder, command, *arguments)
            assert done.returncode == 2
            assert "or all of them with --all" in done.stderr
        assert queue(folder, command, "7").returncode == 1
    assert len(parsed(folder, "list")) == 2


def test_retry_tells_what_went_back_and_what_cannot_be_read(folder: Path) -> None:
    database = sqlite3.connect(folder / "state" / "queue.db")
    database.execute("UPDATE dead_letter SET event = '{' WHERE id = 1")
    database.commit()
    database.close()
    done = queue(folder, "retry", "--all", "--exporter", "splunk")
    assert (done.returncode, done.stdout) == (1, "put back into the queue: 1 of splunk\n")
    assert done.stderr == "cannot be read and stay dead letters: 1\n"
    done = queue(folder, "retry", "1", "--json")
    assert json.loads(done.stdout) == {"retried": {}, "batches": 0, "unreadable": [1]}


def test_p3_dead_letters_that_are_put_back_are_carried_over_and_delivered(tmp_path: Path) -> None:
    refusing = True

    def decide(_: Request) -> Step:
        if refusing:
            return Step(status=400, body=b'{"text":"Invalid data format","code":6,"invalid-event-number":0}')
        return Step(body=b'{"text":"Success","code":0}')

    with FaultyServer(decide) as server:
        (tmp_path / "p.yaml").write_text(PIPELINE.replace("ENDPOINT", server.url))
        run = ("run", "-p", "p.yaml", "--receipt", "receipt.json")
        done = beacon(tmp_path, *run, stdin='{"message": "one"}\n{"message": "two"}\n', HEC_TOKEN=TOKEN)
        assert done.returncode == 0, done.stderr
        assert {each["exporter"] for each in parsed(tmp_path, "list")} == {"splunk_hec"}
        done = beacon(tmp_path, "queue", "retry", "--all", "-p", "p.yaml", "--json")
        assert json.loads(done.stdout) == {"retried": {"splunk_hec": 2}, "batches": 1, "unreadable": []}
        refusing = False
        done = beacon(tmp_path, *run, HEC_TOKEN=TOKEN)
        assert done.returncode == 0, done.stderr
        receipt = json.loads((tmp_path / "receipt.json").read_text())["exporters"]["splunk_hec"]
        assert (receipt["carried_over"], receipt["delivered"], receipt["queued"]) == (2, 2, 0)
        assert all(text in server.requests[-1].body for text in (b"one", b"two"))


# ---- beside a run ----


def test_the_queue_of_a_run_can_be_looked_into(tmp_path: Path, running: Running) -> None:
    wait_for(lambda: parsed(tmp_path, "status")["exporters"].get("splunk_hec", {}).get("events") == 5, running)
    names = {file.name for file in (tmp_path / "state").iterdir()}
    found = parsed(tmp_path, "status")
    assert (found["held"], found["held_by"]) == (True, running.process.pid)
    assert f"held by: process {running.process.pid}\n" in queue(tmp_path, "status").stdout
    lines = queue(tmp_path, "export --queued").stdout.splitlines()
    assert [json.loads(line)["body"] for line in lines] == [f"event {n}" for n in range(5)]
    assert parsed(tmp_path, "verify")["ok"] is True
    assert parsed(tmp_path, "list") == []
    done = queue(tmp_path, "retry --all")
    assert done.returncode == 1
    assert f"in use by process {running.process.pid}" in done.stderr
    assert "stop it" in done.stderr
    assert {file.name for file in (tmp_path / "state").iterdir()} == names


def test_what_a_killed_run_left_can_be_looked_into_and_stays_as_it_is(tmp_path: Path, running: Running) -> None:
    wait_for(lambda: parsed(tmp_path, "status")["exporters"].get("splunk_hec", {}).get("events") == 5, running)
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    before = snapshot(tmp_path / "state")
    for command in LOOKS:
        assert queue(tmp_path, command).returncode == 0
    found = parsed(tmp_path, "status")
    assert (found["held"], found["exporters"]["splunk_hec"]["events"]) == (False, 5)
    assert snapshot(tmp_path / "state") == before


# ---- which queue ----


def test_a_pipeline_says_which_queue_also_where_its_secrets_are_not_set(folder: Path) -> None:
    (folder / "p.yaml").write_text(PIPELINE.replace("ENDPOINT", "https://splunk.example:8088"))
    done = beacon(folder, "queue", "status", "--json", "-p", "p.yaml")
    assert json.loads(done.stdout)["path"] == "state/queue.db"
    (folder / "state").rename(folder / "moved")
    done = beacon(folder, "queue", "status", "--json", "-p", "p.yaml", "--set", "service.queue.path=moved/queue.db")
    assert json.loads(done.stdout)["path"] == "moved/queue.db"


def test_p10_a_pipeline_without_a_queue_file_is_a_configuration_error(folder: Path) -> None:
    for change, message in (
        ("{type: memory}", "only a queue of type sqlite has a file"),
        ("{pth: x}", 'p.yaml:9:11 service.queue.pth unknown option; did you mean "path"?'),
        ("{path: '${env:NOT_SET_AT_ALL}'}", "NOT_SET_AT_ALL"),
    ):
        (folder / "p.yaml").write_text(PIPELINE.replace("{path: state/queue.db}", change))
        done = beacon(folder, "queue", "status", "-p", "p.yaml")
        assert (done.returncode, done.stdout) == (78, "")
        assert message in done.stderr


def test_without_a_name_it_is_the_default_queue(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "state").rename(folder / "home" / "beacon")
    done = beacon(folder, "queue", "status", "--json", XDG_STATE_HOME=str(folder / "home"))
    assert json.loads(done.stdout)["exporters"]["file"]["events"] == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_p10_a_queue_that_is_missing_or_foreign_is_exit_code_78_and_not_made(tmp_path: Path, command: str) -> None:
    more = {"show": ["1"], "retry": ["--all"], "drop": ["--all", "--yes"]}.get(command, [])
    for content in (None, b"this is no database" * 1000):
        if content:
            (tmp_path / "q.db").write_bytes(content)
        done = beacon(tmp_path, "queue", command, "--queue", "q.db", *more)
        assert (done.returncode, done.stdout) == (78, "")
        assert "q.db" in done.stderr
        assert ("file is not a database" if content else "name it with --queue FILE") in done.stderr
        assert [file.read_bytes() for file in tmp_path.iterdir()] == ([content] if content else [])


def test_the_queue_is_named_in_one_way(folder: Path) -> None:
    assert queue(folder, "status", "-p", "p.yaml").returncode == 2
    assert beacon(folder, "queue", "status", "--set", "a=b").returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    program = (
        "import sys\nfrom beacon_core.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert not {'msgspec', 'pydantic', 'sqlite3', 'yaml', 'platformdirs'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "queue", command, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--queue FILE" in done.stdout
