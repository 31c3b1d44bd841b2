"""Secrets: neither kind of key is shown by what Beacon writes, and telemetry that repeats it is redacted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beacon_core import encode_lines
from beacon_core.testing import Step, make_event
from plugins.datadog.tests.datadog_server import DatadogServer, answer
from tests.pipeline_run import QUICK, beacon, run_file

KEY = "FAKE" * 8
TOKEN = "pub" + KEY


def write_pipeline(folder: Path, intake: DatadogServer, **api: str) -> None:
    exporter = {"api": api, "logs": {"endpoint": intake.url}, "retry_on_failure": QUICK}
    pipeline = {
        "receivers": {"file_input": {"include": [str(folder / "events.jsonl")]}},
        "processors": {"sanitize": {}},
        "exporters": {"datadog": exporter},
        "service": {
            "queue": {"type": "sqlite", "path": str(folder / "queue.db")},
            "pipelines": {
                "default": {"receivers": ["file_input"], "processors": ["sanitize"], "exporters": ["datadog"]}
            },
        },
    }
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline))


@pytest.mark.parametrize("key", [KEY, TOKEN])
@pytest.mark.parametrize("api", [{}, {"key": "${env:DD_API_KEY}"}], ids=["by default", "by reference"])
def test_p2_p7_a_key_that_telemetry_repeats_is_redacted(
    intake: DatadogServer, tmp_path: Path, api: dict[str, str], key: str
) -> None:
    intake.key = key
    write_pipeline(tmp_path, intake, **api)
    event = make_event(body=f"environment: {key}.", attributes={"line": f"curl -H {key}"}, resource={"arg": key})
    (tmp_path / "events.jsonl").write_bytes(encode_lines([event]))
    run_file(tmp_path, DD_API_KEY=key)
    (entry,) = intake.logs
    assert key not in json.dumps(entry)
    assert entry["message"] == "environment: [REDACTED:known-value]."


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_p7_neither_key_nor_query_is_in_anything_that_a_run_leaves_behind(
    intake: DatadogServer, tmp_path: Path, key: str
) -> None:
    intake.key = key
    detail = f"key {key} at /api/v2/logs?dd-api-key={key}"
    intake.turns = [answer(status, detail) for status in (401, 403, 404, 408, 429, 500)]
    intake.turns += [
        Step(status=307, headers={"Location": f"https://x.invalid/?dd-api-key={key}"}),
        Step(fault="reset"),
    ]
    intake.turns += [answer(400, detail)]
    write_pipeline(tmp_path, intake, key="${env:DD_API_KEY}")
    (tmp_path / "events.jsonl").write_bytes(encode_lines([make_event()]))
    printed, receipt = run_file(tmp_path, "--log-level", "debug", DD_API_KEY=key)
    letters = beacon("queue", "export", "--queue", str(tmp_path / "queue.db")).stdout
    assert intake.turns == []
    assert receipt["exporters"]["datadog"]["dead_lettered"] == 1
    left = [printed.encode(), letters.encode(), *(path.read_bytes() for path in tmp_path.iterdir())]
    for secret in (key, "dd-request-id"):
        assert [text for text in left if secret.encode() in text] == []
