"""`beacon test`: what samples become in a pipeline, without delivering anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BEACON = Path(sys.executable).with_name("beacon")
PIPELINE = """
receivers: {stdin: {}}
processors: {canonicalize: {}, sanitize: {}}
exporters:
  file: {path: out.jsonl}
  splunk_hec: {endpoint: "https://splunk.invalid:8088", token: "${env:HEC}"}
service:
  queue: {path: queue.db}
  pipelines:
    default: {receivers: [stdin], processors: [canonicalize, sanitize], exporters: [file, splunk_hec]}
"""
SAMPLES = """\
{"message": "password=hunter2-hunter2", "level": "INFO"}
{"message": "the token is hec-token-of-this-test"}
"""


def beacon(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "p.yaml").write_text(PIPELINE)
    command = [str(BEACON), "test", "-p", "p.yaml", *arguments]
    environ = {**os.environ, "HEC": "hec-token-of-this-test"}
    return subprocess.run(
        command, cwd=folder, env=environ, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def expecting(folder: Path, *lines: object) -> str:
    (folder / "expected.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return "expected.jsonl"


def test_samples_are_printed_as_an_exporter_would_get_them_and_nothing_is_delivered(tmp_path: Path) -> None:
    done = beacon(tmp_path, stdin=SAMPLES)
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["body"] == "password=[REDACTED:assignment]"
    assert second["body"] == "the token is [REDACTED:known-value]"
    assert done.stderr.splitlines() == [
        "2 in, 2 out, 0 filtered, 0 refused",
        "  1 redacted: assignment",
        "  1 redacted: known-value",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]


def test_files_are_read_in_order_also_those_with_a_pattern_for_a_name(tmp_path: Path) -> None:
    for name in ("b[1].jsonl", "a.jsonl"):
        (tmp_path / name).write_text(json.dumps({"message": name}) + "\n")
    done = beacon(tmp_path, "b[1].jsonl", "a.jsonl")
    assert {json.loads(line)["body"] for line in done.stdout.splitlines()} == {"a.jsonl", "b[1].jsonl"}, done.stderr


def test_an_expectation_names_only_what_matters(tmp_path: Path) -> None:
    good = expecting(tmp_path, {"severity_text": "INFO", "attributes": {"beacon.redacted": {"assignment": 1}}}, {})
    assert beacon(tmp_path, "--expect", good, stdin=SAMPLES).returncode == 0
    bad = expecting(tmp_path, {"severity_text": "WARN", "attributes": {"beacon.redacted": {"assignment": 2}}}, {}, {})
    done = beacon(tmp_path, "--expect", bad, stdin=SAMPLES)
    assert done.returncode == 1
    assert done.stderr.splitlines()[3:] == [
        "expected 3 events, got 2",
        'event 1: severity_text: expected "WARN", got "INFO"',
        "event 1: attributes.beacon.redacted.assignment: expected 2, got 1",
    ]
    assert "hunter2" not in done.stdout + done.stderr


def test_p10_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    done = beacon(tmp_path, stdin="not json\n")
    assert done.returncode == 1
    assert "0 in, 0 out, 0 filtered, 1 refused" in done.stderr
    assert "standard input" in done.stderr
    missing = beacon(tmp_path, "nowhere.jsonl")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "nowhere.jsonl" in missing.stderr
    (tmp_path / "e.jsonl").write_text("{}\n[1]\n")
    wrong = beacon(tmp_path, "--expect", "e.jsonl", stdin=SAMPLES)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "e.jsonl:2: not a JSON object" in wrong.stderr


def test_of_several_pipelines_one_is_named(tmp_path: Path) -> None:
    several = (
        "service.pipelines.other={receivers: [stdin], processors: [sanitize], exporters: [file]}",
        "service.pipelines.default.exporters=[splunk_hec]",
    )
    sets = [word for each in several for word in ("--set", each)]
    done = beacon(tmp_path, *sets, stdin=SAMPLES)
    assert done.returncode == 2
    assert "say which pipeline with --name: default, other" in done.stderr
    assert beacon(tmp_path, *sets, "--name", "other", stdin=SAMPLES).returncode == 0
    assert 'there is no pipeline "x": default, other' in beacon(tmp_path, *sets, "--name", "x").stderr
