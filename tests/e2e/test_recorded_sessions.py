"""The main job on recorded sessions of real agents: every record comes out once, and no secret."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core.testing import FaultyServer, Step
from tests.e2e.conftest import BEACON

REFUSED = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  sanitize: {{}}
exporters:
  datadog:
    api: {{key: "${{env:DD_API_KEY}}"}}
    logs: {{endpoint: "{url}"}}
    metrics: {{endpoint: "{url}"}}
service:
  queue: {{path: state/queue.db}}
  pipelines:
    default: {{receivers: [otlp], processors: [sanitize], exporters: [datadog]}}
"""
PLANTED = "planted_secrets.json"


def replay(run: Any, recordings: list[tuple[Path, dict[str, Any]]]) -> int:
    """Post every request as it was recorded; return how many records they hold."""
    leave_out = {"host", "content-length", "connection", "transfer-encoding"}
    for path, entry in recordings:
        headers = {name: value for name, value in entry["headers"].items() if name.lower() not in leave_out}
        chunked = any(name.lower() == "transfer-encoding" for name in entry["headers"])
        assert run.post(entry["path"], path.read_bytes(), headers, chunked=chunked) == 200, path
    return sum(entry["records"] for _, entry in recordings)


def planted_values(folder: Path) -> list[str]:
    return [secret["value"] for secret in json.loads((folder / PLANTED).read_text())["secrets"]]


def files_with(folder: Path, values: list[str]) -> list[tuple[str, str]]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [(path.name, value) for value in values if value.encode() in data]
    return found


def test_p1_p2_every_recorded_record_comes_out_as_one_line_and_no_planted_value_is_in_any_file(
    beacon: Callable[..., Any], recordings: list[tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    run = beacon()
    records = replay(run, recordings)
    values = planted_values(recordings[0][0].parents[2])
    assert len(values) == 16
    assert files_with(tmp_path, values) == []  # also in the queue and its WAL, while they are in use
    receipt = run.stop()
    assert receipt["received"] == records
    assert receipt["exporters"]["file"]["delivered"] == records
    assert len(run.lines()) == records
    assert len({line["id"] for line in run.lines()}) == records
    assert files_with(tmp_path, values) == []


def test_p2_p7_no_planted_value_is_in_a_request_a_dead_letter_a_log_or_an_export_of_the_queue(
    beacon: Callable[..., Any], recordings: list[tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    planted = [(path, entry) for path, entry in recordings if "secret" in path.parent.name]
    with FaultyServer(lambda _request: Step(status=400)) as server:
        environ = {**os.environ, "DD_API_KEY": "0" * 32}
        run = beacon(REFUSED.format(url=server.url), "--log-level", "debug", environ=environ)
        records = replay(run, planted)
        receipt = run.stop()["exporters"]["datadog"]
        bodies = b"".join(request.body for request in server.requests)
    values = planted_values(recordings[0][0].parents[2])
    assert receipt["dead_lettered"] + receipt["dropped"].get("permanent", 0) == receipt["accepted"] == records > 0
    command = [str(BEACON), "queue", "export", "--queue", "state/queue.db"]
    exported = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert exported.count(b"\n") == receipt["dead_lettered"]
    for output in (bodies, exported, run.log.read_bytes()):
        assert [value for value in values if value.encode() in output] == []
    assert files_with(tmp_path, values) == []


def test_with_canonicalize_delivered_and_filtered_are_all_records(
    beacon: Callable[..., Any], recordings: list[tuple[Path, dict[str, Any]]]
) -> None:
    pipeline = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters:
  file: {path: out/telemetry.jsonl}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [otlp], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""
    run = beacon(pipeline)
    records = replay(run, recordings)
    line = run.stop()["exporters"]["file"]
    assert line["delivered"] + line["filtered"] == records
    assert line["dropped"] == {}
    events = run.lines()
    assert {"prompt.submitted"} <= {event["name"] for event in events}
    assert all(event["resource"]["telemetry.distro.name"] == "beacon" for event in events)


def test_p5_a_repeated_request_is_stored_once(
    beacon: Callable[..., Any], recordings: list[tuple[Path, dict[str, Any]]]
) -> None:
    run = beacon()
    path, entry = recordings[0]
    for _ in range(3):
        assert run.post(entry["path"], path.read_bytes()) == 200
    receipt = run.stop()
    assert receipt["received"] == entry["records"] == len(run.lines())
    assert receipt["deduplicated"] == 2 * entry["records"]


def test_the_shipped_session_needs_nothing_from_outside(beacon: Callable[..., Any], tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "docs" / "examples" / "quickstart" / "session"
    run = beacon()
    for path in sorted(folder.glob("*.json")):
        assert run.post(f"/v1/{path.stem.partition('_')[2]}", path.read_bytes()) == 200
    run.stop()
    text = json.dumps(run.lines())
    assert len(run.lines()) == 18
    secrets = (
        "sk_live_FAKE",
        "sk-ant-api03",
        "AKIAIOSFODNN7",
        "ghp_FAKE",
        "hunter2",
        "s3cr3tP4ss",
        "/home/alice",
        "eyJhbGci",
    )
    assert [secret for secret in secrets if secret in text] == []
    assert "[REDACTED:" in text
    assert files_with(tmp_path, list(secrets)) == []


@pytest.mark.parametrize("name", ["secrets_protobuf", "gzip_protobuf", "v197_plain_protobuf"])
def test_every_member_of_a_line_is_documented(
    beacon: Callable[..., Any], recordings: list[tuple[Path, dict[str, Any]]], name: str
) -> None:
    run = beacon()
    replay(run, [(path, entry) for path, entry in recordings if path.parent.name == name])
    run.stop()
    known = {
        *("id", "signal", "name", "time", "time_unix_nano", "observed_time_unix_nano", "severity_text"),
        *("severity_number", "body", "attributes", "resource", "scope", "trace_id", "span_id", "flags"),
        *("dropped_attributes_count", "metric", "span"),
    }
    for line in run.lines():
        assert set(line) <= known
        assert line["time_unix_nano"] > 1_700_000_000_000_000_000
