"""`beacon report`: what it reads, what it prints, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beacon_core import Entry, Event, decode_line
from beacon_core.cli import main
from beacon_core.event import rfc3339
from tests.unit.queues.support import open_queue
from tests.unit.report.support import SECOND, START, Lines
from tests.unit.report.test_hostile import receipt_with


def beacon(*arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Result:
    done = CliRunner().invoke(main, ["report", *map(str, arguments)], input=stdin)
    assert done.exit_code == code, done.output
    return done


def printed(*arguments: str | Path, **more: Any) -> Any:
    return json.loads(beacon(*arguments, "--json", **more).stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with three requests to a model, at 0, 10 and 20 seconds."""
    line = Lines()
    path = tmp_path / "runtime.jsonl"
    path.write_bytes(b"".join(line.usage(at) for at in (0, 10, 20)))
    return path


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(receipt_with("splunk_hec")))
    return path


def test_it_prints_tables_and_says_nothing_else(file: Path, receipt: Path) -> None:
    done = beacon(file, "--receipt", receipt)
    assert "Claude Code 1.2.3" in done.stdout
    assert "$0.0300" in done.stdout
    assert "splunk_hec" in done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    ("form", "beginning"),
    [("table", "SESSION"), ("json", "{"), ("markdown", "## What the agents did"), ("html", "<!doctype html>")],
)
def test_every_format_can_be_asked_for_and_is_known_by_the_name_of_the_file(
    file: Path, tmp_path: Path, form: str, beginning: str
) -> None:
    asked = beacon(file, "--format", form).stdout
    assert asked.startswith(beginning)
    ending = {"markdown": "md", "table": "txt"}.get(form, form)
    done = beacon(file, "-o", tmp_path / "new" / f"run.{ending}")
    assert (tmp_path / "new" / f"run.{ending}").read_text(encoding="utf-8") == asked
    assert (done.stdout, done.stderr) == ("", f"wrote {tmp_path / 'new' / f'run.{ending}'}\n")


def test_json_is_json_whatever_the_name_and_contradictions_are_refused(file: Path, tmp_path: Path) -> None:
    beacon(file, "--json", "-o", tmp_path / "run.html")
    assert json.loads((tmp_path / "run.html").read_text())["totals"]["sessions"] == 1
    done = beacon(file, "--json", "--format", "html", code=2)
    assert "--json and --format html contradict each other" in done.stderr


def test_several_files_and_standard_input_make_one_report_and_a_file_named_twice_is_read_once(
    file: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_bytes(Lines("s2").usage())
    document = printed(file, more, file, "-", stdin=Lines("s3").usage())
    assert [session["usage"]["requests"] for session in document["sessions"]] == [3, 1, 1]
    assert document["input"]["repeated_events"] == 0


def test_since_takes_a_time_a_day_or_how_long_ago(file: Path) -> None:
    assert printed(file, "--since", rfc3339(START + 10 * SECOND))["input"] == {
        "events": 2,
        "damaged_lines": 0,
        "repeated_events": 0,
        "events_before_since": 1,
        "other_events": {},
    }
    assert printed(file, "--since", "2026-11-20")["input"]["events"] == 3
    assert printed(file, "--since", "2026-11-21")["input"]["events"] == 0
    now = (time.time_ns() - START) / SECOND
    file.write_bytes(b"".join(Lines().usage(now - ago) for ago in (60, 3 * 3600)))
    assert printed(file, "--since", "2h")["input"]["events"] == 1
    assert printed(file, "--since", "1d")["input"]["events"] == 2
    assert "'soon' is no time" in beacon(file, "--since", "soon", code=2).stderr


def test_damaged_lines_are_told_on_stderr_and_the_rest_is_reported(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"{half")
    done = beacon(file, "--json")
    assert json.loads(done.stdout)["input"]["damaged_lines"] == 1
    assert done.stderr == "left out: 1 line, not an event\n"


def test_a_queue_is_read_each_event_once_and_not_changed(tmp_path: Path) -> None:
    events: list[Event] = [decode_line(Lines().usage(at)) for at in (0, 1)]
    from beacon_core.testing import make_batch

    path = tmp_path / "queue.db"
    queue = open_queue(path)
    queue.put([Entry("a", make_batch(0, id="a").with_events(events), ("file", "splunk"))])
    queue.shutdown(1)
    before = path.read_bytes()
    assert printed("--queue", path)["totals"]["usage"]["requests"] == 2
    assert path.read_bytes() == before


def test_nothing_to_read_is_a_usage_error_that_says_what_to_name() -> None:
    assert "name a file that the file exporter wrote, or a queue with --queue" in beacon(code=2).stderr


def test_what_cannot_be_read_or_written_is_named(file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    assert f"beacon: {missing}: there is no such file" in beacon(missing, code=1).stderr
    assert f"there is no queue {missing}" in beacon("--queue", missing, code=78).stderr
    assert f"{missing}: No such file" in beacon(file, "--receipt", missing, code=1).stderr
    assert f"{file}: " in beacon(file, "--receipt", file, code=1).stderr
    assert f"{tmp_path} cannot be written" in beacon(file, "-o", tmp_path, code=1).stderr


@pytest.mark.parametrize("told", ["[]", "7", "{}", '{"balanced": true}', '{"exporters": 3}', "nonsense", "\x00"])
def test_a_receipt_that_is_none_is_refused(file: Path, receipt: Path, told: str) -> None:
    receipt.write_text(told)
    done = beacon(file, "--receipt", receipt, code=1)
    assert done.stderr.startswith(f"beacon: {receipt}: ")
    assert "Traceback" not in done.output


def test_the_same_file_gives_the_same_bytes_in_every_process(file: Path, receipt: Path) -> None:
    beacon_command = Path(sys.executable).with_name("beacon")
    command = [beacon_command, "report", file, "--receipt", receipt, "--format", "html"]
    runs = {
        subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
