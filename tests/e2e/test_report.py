"""`beacon report` on the recorded sessions of real agents, after they went through a real pipeline."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core.testing import FaultyServer, Step
from tests.e2e.conftest import BEACON, SHARED, Run
from tests.e2e.test_recorded_sessions import planted_values, replay

#: Written anew by: UPDATE_GOLDEN=1 pytest tests/e2e/test_report.py
GOLDEN = Path(__file__).with_name("golden") / "report.json"

PIPELINE = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters:
  file: {path: runtime.jsonl}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [otlp], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""
WAITING = PIPELINE.replace("exporters: [file]", "exporters: [file, datadog, datadog/b]").replace(
    "  file: {path: runtime.jsonl}\n",
    """  file: {path: runtime.jsonl}
  datadog: &datadog
    api: {key: "${env:DD_API_KEY}"}
    logs: {endpoint: URL}
    metrics: {endpoint: URL}
  datadog/b: *datadog
""",
)


def report(folder: Path, *arguments: str) -> str:
    done = subprocess.run([str(BEACON), "report", *arguments], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture(scope="module")
def finished(recordings: list[tuple[Path, dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has taken all recordings and ended."""
    run = Run(tmp_path_factory.mktemp("run"), PIPELINE)
    try:
        replay(run, recordings)
        run.stop()
    finally:
        run.process.kill()
        run.process.wait()
    return run.folder


def golden_form(session: dict[str, Any]) -> dict[str, Any]:
    """Return what a recording alone decides: not the run, which is another one each time."""
    moments = Counter(moment["kind"] for moment in session["timeline"]["moments"])
    steps = [
        step["usage"]["requests"] if "usage" in step else step["requests"]
        for step in session["usage_over_time"]["steps"]
    ]
    return session | {"run": None, "timeline": dict(sorted(moments.items())), "usage_over_time": steps}


def oracle(agent: str) -> Counter[str]:
    """Return what all recordings of an agent used together, by their own words in `scenarios.json`."""
    total: Counter[str] = Counter()
    for each in json.loads((SHARED / "scenarios.json").read_text()):
        if each["scenario"].startswith(agent) and each["scenario"] != "claude_code/plain_grpc":
            total.update(each["expect"].get("tokens_from_events", {}))
    return total


def test_the_recorded_sessions_give_the_expected_figures(finished: Path) -> None:
    document = json.loads(report(finished, "runtime.jsonl", "--json", "--receipt", "receipt.json"))
    told = {f"{each['agent']} {each['id']}": golden_form(each) for each in document["sessions"]}
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    assert told == json.loads(GOLDEN.read_text())
    assert document["warnings"] == []
    assert document["input"]["damaged_lines"] == 0
    assert document["delivery"]["exporters"]["file"]["delivered"] == document["input"]["events"]


def test_the_figures_are_those_of_the_oracle(finished: Path) -> None:
    document = json.loads(report(finished, "runtime.jsonl", "--json"))
    used: dict[str, Counter[str]] = {}
    for session in document["sessions"]:
        usage = session["usage"]
        total = used.setdefault(session["agent"], Counter())
        total.update(usage["tokens"] | {"requests": usage["requests"], "micros": round((usage["cost_usd"] or 0) * 1e6)})
    claude, codex, gemini = (oracle(agent) for agent in ("claude_code", "codex_cli", "gemini_cli"))
    ours = used["claude_code"]
    assert claude == {
        "requests": ours["requests"],
        "input": ours["uncached_input"],
        "output": ours["output"],
        "cache_read": ours["cache_read"],
        "cache_creation": ours["cache_creation"],
        "cost_usd_micros": ours["micros"],
    }
    ours = used["codex_cli"]
    assert codex == {
        "requests": ours["requests"],
        "input_including_cached": ours["uncached_input"] + ours["cache_read"],
        "output_including_reasoning": ours["output"] + ours["reasoning"],
        "cached": ours["cache_read"],
        "reasoning": ours["reasoning"],
    }
    ours = used["gemini_cli"]
    assert gemini == {
        "requests": ours["requests"],
        "input_including_cached": ours["uncached_input"] + ours["cache_read"],
        "output_without_thoughts": ours["output"],
        "cached": ours["cache_read"],
        "thoughts": ours["reasoning"],
        "total": ours["total"],
    }


def test_p2_p7_no_planted_value_is_in_any_form_of_the_report(finished: Path) -> None:
    values = planted_values(SHARED)
    for form in ("table", "json", "markdown", "html"):
        printed = report(finished, "runtime.jsonl", "--format", form)
        assert [value for value in values if value in printed] == []
        assert "stripe-key" in printed


def test_what_waits_in_a_queue_is_reported_once_and_stays(
    beacon: Callable[..., Any], recordings: list[tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    environ = os.environ | {"DD_API_KEY": "0" * 32}
    with FaultyServer(lambda _request: Step(status=503)) as server:
        run = beacon(WAITING.replace("URL", f'"{server.url}"'), "--drain-timeout", "1s", environ=environ)
        replay(run, recordings)
        receipt = run.stop()
    before = {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()}
    assert receipt["exporters"]["datadog"]["queued"] == receipt["exporters"]["datadog/b"]["queued"] > 0
    waiting = json.loads(report(tmp_path, "--queue", "state/queue.db", "--json"))
    written = json.loads(report(tmp_path, "runtime.jsonl", "--json"))
    for document in (waiting, written):
        document["input"].pop("repeated_events")
    assert waiting == written
    assert {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()} == before
