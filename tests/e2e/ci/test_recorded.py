"""The recorded sessions of real agents, replayed through a session: every record counts, and the figures are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ci.job import BEACON, SHARED, Job, post

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded sessions are not beside this checkout")


def replay(folder: Path, endpoint: str) -> None:
    manifest: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())
    for entry in manifest:
        if entry["transport"] != "http":
            continue
        headers = {name: value for name, value in entry["headers"].items() if name.lower().startswith("content-")}
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        assert post(endpoint, (folder / entry["file"]).read_bytes(), entry["path"], headers) == 200


#: What each recording is known to hold (`scenarios.json`): requests to a model, tokens by kind, cost, calls of tools.
EXPECTED: dict[str, dict[str, Any]] = {
    "claude_code/multi_tools_ci_protobuf": {
        "requests": 8,
        "tokens": {"uncached_input": 312, "cache_read": 81920, "cache_creation": 16384, "output": 296, "reasoning": 0},
        "cost_usd": 0.105472,
        "calls": 7,
    },
    "codex_cli/tool_json": {
        "requests": 2,
        "tokens": {"uncached_input": 112, "cache_read": 128, "cache_creation": 0, "output": 32, "reasoning": 10},
        "cost_usd": None,
        "calls": 1,
    },
    "gemini_cli/tool_json": {
        "requests": 2,
        "tokens": {"uncached_input": 112, "cache_read": 128, "cache_creation": 0, "output": 42, "reasoning": 10},
        "cost_usd": None,
        "calls": 1,
    },
}


@pytest.mark.parametrize("recording", EXPECTED)
def test_a_replayed_session_is_validated_counted_and_summarized(job: Job, recording: str) -> None:
    summary = job.folder / "summary.md"
    summary.write_text("before\n")
    job.environ["GITHUB_STEP_SUMMARY"] = str(summary)
    state = job.start("--harness", recording.partition("_")[0])
    replay(SHARED / recording, state["endpoints"]["http"])
    outcome = job.stop("--report", str(job.folder / "run.html"))
    line = outcome["receipt"]["exporters"]["file"]
    assert line["accepted"] == line["delivered"] + line["filtered"]
    assert line["delivered"] == len(job.lines()) == outcome["validation"]["events"] > 0
    text = summary.read_text()
    assert text.startswith("before\n## What the agents did")
    assert "1 session" in text
    assert "<!doctype html" in (job.folder / "run.html").read_text().lower()
    told = json.loads(job.run([BEACON, "report", str(job.base / "runtime.jsonl"), "--json"]).stdout)["totals"]
    expected = EXPECTED[recording]
    assert told["prompts"] == 1
    assert told["usage"]["requests"] == expected["requests"]
    assert {name: told["usage"]["tokens"][name] for name in expected["tokens"]} == expected["tokens"]
    assert told["usage"]["cost_usd"] == expected["cost_usd"]
    for number in (expected["tokens"]["uncached_input"], expected["tokens"]["cache_read"]):
        assert f"{number:,}" in text
    assert f"{expected['calls']} tool call" in text or f"| {expected['calls']} |" in text
