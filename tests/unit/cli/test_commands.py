"""The command line: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BEACON = Path(sys.executable).with_name("beacon")
GOOD = """
receivers:
  stdin: {}
processors:
  sanitize: {}
exporters:
  file/archive: {path: out/telemetry.jsonl}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [stdin], processors: [sanitize], exporters: [file/archive]}
"""


def beacon(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BEACON), *arguments], cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def pipeline(folder: Path, text: str, name: str = "p.yaml") -> str:
    (folder / name).write_text(text)
    return name


def test_run_reads_stdin_to_its_end_and_says_what_became_of_it(tmp_path: Path) -> None:
    lines = '{"message": "hello", "token": "hunter2-hunter2"}\nnot json\n{"message": "token=sk_live_FAKE0000"}\n'
    done = beacon(tmp_path, "run", "-p", pipeline(tmp_path, GOOD), "--receipt", "r.json", stdin=lines)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    events = [json.loads(line) for line in (tmp_path / "out" / "telemetry.jsonl").read_text().splitlines()]
    assert events[0]["body"] == "hello"
    assert "hunter2" not in json.dumps(events)
    assert "sk_live" not in json.dumps(events)
    assert "received 2; balanced" in done.stderr
    assert "not json" not in done.stderr
    receipt = json.loads((tmp_path / "r.json").read_text())
    assert receipt["balanced"] is True
    assert receipt["refused"] == {"stdin": 1}
    assert receipt["exporters"]["file/archive"] == {
        "carried_over": 0,
        "accepted": 2,
        "delivered": 2,
        "filtered": 0,
        "dropped": {},
        "dead_lettered": 0,
        "queued": 0,
        "possibly_duplicated": 0,
    }
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == 0o600


def test_validate_says_valid_and_touches_nothing(tmp_path: Path) -> None:
    done = beacon(tmp_path, "validate", "-p", pipeline(tmp_path, GOOD))
    assert (done.returncode, done.stdout) == (0, "valid: 1 pipeline (default)\n")
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]


def test_p10_every_problem_is_reported_at_once_with_its_place_and_exit_code_78(tmp_path: Path) -> None:
    text = GOOD.replace("path: out/telemetry.jsonl", "pth: out/telemetry.jsonl").replace("[stdin]", "[stdn]")
    text += "exporter: {}\n"
    for command in ("validate", "run"):
        done = beacon(tmp_path, command, "-p", pipeline(tmp_path, text))
        assert done.returncode == 78
        assert done.stdout == ""
        assert 'p.yaml:7:18 exporters.file/archive.pth unknown option; did you mean "path"?' in done.stderr
        assert "p.yaml:7:3 exporters.file/archive.path" in done.stderr  # missing: at the component
        assert 'p.yaml:11:27 service.pipelines.default.receivers[0] no such receiver: "stdn"' in done.stderr
        assert 'p.yaml:12:1 exporter unknown section; did you mean "exporters"?' in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_plugin_that_is_not_installed_names_what_is(tmp_path: Path) -> None:
    done = beacon(tmp_path, "run", "-p", pipeline(tmp_path, GOOD.replace("file/archive", "kafka/archive")))
    assert done.returncode == 78
    assert "p.yaml:7:3 exporters.kafka/archive exporter type 'kafka' is not installed; installed are: " in done.stderr


@pytest.mark.parametrize(
    ("processors", "message"),
    [("[]", "sanitize is missing"), ("[sanitize, fingerprint]", "sanitize must be the last processor")],
)
def test_p2_a_pipeline_that_does_not_end_with_sanitize_is_refused(
    tmp_path: Path, processors: str, message: str
) -> None:
    text = GOOD.replace("processors: [sanitize]", f"processors: {processors}").replace(
        "  sanitize: {}", "  sanitize: {}\n  fingerprint: {}"
    )
    done = beacon(tmp_path, "validate", "-p", pipeline(tmp_path, text))
    assert done.returncode == 78
    assert message in done.stderr
    allowed = text.replace("exporters: [file/archive]}", "exporters: [file/archive], allow_unsanitized: true}")
    assert beacon(tmp_path, "validate", "-p", pipeline(tmp_path, allowed)).returncode == 0


def test_an_event_that_would_be_delivered_twice_is_a_problem(tmp_path: Path) -> None:
    text = GOOD + "    second: {receivers: [stdin], processors: [sanitize], exporters: [file/archive]}\n"
    done = beacon(tmp_path, "validate", "-p", pipeline(tmp_path, text))
    assert done.returncode == 78
    assert "delivered twice" in done.stderr


def test_p10_more_than_one_attempt_at_a_time_is_refused_where_an_exporter_cannot_do_that(tmp_path: Path) -> None:
    text = GOOD.replace("{path: out/telemetry.jsonl}", "{path: out/telemetry.jsonl, max_in_flight: 2}")
    done = beacon(tmp_path, "validate", "-p", pipeline(tmp_path, text))
    assert done.returncode == 78
    assert "exporters.file/archive.max_in_flight file makes one attempt at a time" in done.stderr


def test_what_no_pipeline_uses_is_mentioned_and_not_loaded(tmp_path: Path) -> None:
    text = GOOD.replace("exporters:\n", "exporters:\n  kafka: {}\n", 1)
    done = beacon(tmp_path, "validate", "-p", pipeline(tmp_path, text))
    assert done.returncode == 0
    assert "exporters.kafka is configured, but no pipeline uses it" in done.stderr


def test_p7_a_secret_that_is_written_out_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = GOOD.replace(
        "exporters:\n", 'exporters:\n  splunk_hec: {endpoint: "https://h:8088", token: hunter2hunter2}\n', 1
    )
    text = text.replace("exporters: [file/archive]", "exporters: [file/archive, splunk_hec]")
    done = beacon(tmp_path, "validate", "-p", pipeline(tmp_path, text))
    assert done.returncode == 78
    assert "exporters.splunk_hec.token a secret is not written out here" in done.stderr
    assert "hunter2hunter2" not in done.stderr + done.stdout


def test_set_wins_over_the_file(tmp_path: Path) -> None:
    name = pipeline(tmp_path, GOOD)
    done = beacon(
        tmp_path, "run", "-p", name, "--set", "exporters.file/archive.path=elsewhere.jsonl", stdin='{"a":1}\n'
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "elsewhere.jsonl").exists()


def test_components_lists_types_with_their_distribution_and_version(tmp_path: Path) -> None:
    rows = [line.split() for line in beacon(tmp_path, "components").stdout.splitlines()]
    assert rows[0] == ["KIND", "TYPE", "DISTRIBUTION", "VERSION"]
    assert ["exporters", "splunk_hec", "beacon-splunk", "0.1.0"] in rows
    assert ["queues", "sqlite", "beacon-core", "0.1.0"] in rows


def test_components_shows_options_with_types_and_defaults(tmp_path: Path) -> None:
    shown = beacon(tmp_path, "components", "queues", "sqlite").stdout
    assert "max_bytes  (size; default: 1GiB)" in shown
    listed = json.loads(beacon(tmp_path, "components", "exporters", "--json").stdout)
    file = next(item for item in listed if item["type"] == "file")
    assert [option["default"] for option in file["options"] if option["name"] == "path"] == [None]


def test_an_unknown_type_and_a_missing_option_are_usage_errors(tmp_path: Path) -> None:
    assert beacon(tmp_path, "components", "exporters", "kafka").returncode == 2
    assert beacon(tmp_path, "run").returncode == 2
    assert beacon(tmp_path, "run", "-p", "x.yaml", "--drain-timeout", "soon").returncode == 2


@pytest.mark.parametrize("option", ["--ready-file", "--receipt"])
def test_p10_a_file_that_cannot_be_written_is_said_before_anything_runs(tmp_path: Path, option: str) -> None:
    (tmp_path / "taken").write_text("")
    done = beacon(tmp_path, "run", "-p", pipeline(tmp_path, GOOD), option, "taken/r.json")
    assert done.returncode == 78
    assert "taken/r.json cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_folder_of_the_receipt_is_made(tmp_path: Path) -> None:
    done = beacon(tmp_path, "run", "-p", pipeline(tmp_path, GOOD), "--receipt", "new/folder/r.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "new" / "folder" / "r.json").read_text())["balanced"]


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    done = beacon(tmp_path, "run", "-p", "missing.yaml")
    assert done.returncode == 78
    assert "missing.yaml" in done.stderr
