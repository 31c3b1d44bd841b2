"""The recorded sessions of real agents, replayed through a session: every record counts, and the figures are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ci.job import SHARED, Job, post

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded sessions are not beside this checkout")


def replay(folder: Path, endpoint: str) -> None:
    manifest: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())
    for entry in manifest:
        if entry["transport"] != "http":
            continue
        headers = {name: value for name, value in entry["headers"].items() if name.lower().startswith("content-")}
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        assert post(endpoint, (folder / entry["file"]).read_bytes(), entry["path"], headers) == 200


@pytest.mark.parametrize(
    ("harness", "recording"),
    [("claude", "claude_code/multi_tools_ci_protobuf"), ("codex", "codex_cli"), ("gemini", "gemini_cli")],
)
def test_a_replayed_session_is_validated_counted_and_summarized(job: Job, harness: str, recording: str) -> None:
    folder = SHARED / recording
    if not (folder / "manifest.json").exists():
        folder = next(path.parent for path in sorted(folder.glob("*/manifest.json")))
    summary = job.folder / "summary.md"
    summary.write_text("before\n")
    job.environ["GITHUB_STEP_SUMMARY"] = str(summary)
    state = job.start("--harness", harness)
    replay(folder, state["endpoints"]["http"])
    outcome = job.stop("--report", str(job.folder / "run.html"))
    line = outcome["receipt"]["exporters"]["file"]
    assert line["accepted"] == line["delivered"] + line["filtered"]
    assert line["delivered"] == len(job.lines()) == outcome["validation"]["events"] > 0
    text = summary.read_text()
    assert text.startswith("before\n## What the agents did")
    assert re.search(r"1 session|[2-9] sessions", text)
    assert "<!doctype html" in (job.folder / "run.html").read_text().lower()
    told = json.loads(job.run(["beacon", "report", str(job.base / "runtime.jsonl"), "--json"]).stdout)
    assert told["totals"]["prompts"] >= 1
