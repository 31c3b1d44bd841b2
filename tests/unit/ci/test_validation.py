"""The stages of a validation ([C10]), on files that are as a session may leave them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beacon_core.ci.validation import Expectation, validate

STAGES = ["runtime_log_exists", "runtime_log_parseable", "event_count", "harness_events"]


def line(agent: str | None = "claude_code", *, place: str = "attributes") -> bytes:
    event = {"id": "1", "signal": "log", "attributes": {}, "resource": {}}
    event[place] = {"beacon.agent.name": agent} if agent else {}
    return json.dumps(event).encode() + b"\n"


def log(folder: Path, *lines: bytes) -> Path:
    path = folder / "runtime.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def test_c10_all_stages_pass_in_order(tmp_path: Path) -> None:
    found = validate(log(tmp_path, line(), line("codex_cli", place="resource"), line(None)), 0, Expectation())
    assert [stage.name for stage in found.stages] == STAGES
    assert all(stage.passed for stage in found.stages)
    assert (found.result, found.events, found.agents) == ("ok", 3, {"claude_code": 1, "codex_cli": 1})


def test_c10_a_log_that_is_not_there_fails_the_first_stage(tmp_path: Path) -> None:
    found = validate(tmp_path / "none.jsonl", 0, Expectation())
    assert [(stage.name, stage.passed) for stage in found.stages] == [("runtime_log_exists", False)]


@pytest.mark.parametrize("broken", [b"no json\n", b'["a list"]\n', b'{"half": ', b"\xff\xfe\n", b"[" * 9999], ids=len)
def test_c10_a_line_that_is_no_event_fails_the_second_stage_and_is_named(tmp_path: Path, broken: bytes) -> None:
    found = validate(log(tmp_path, line(), broken), 0, Expectation())
    assert [stage.passed for stage in found.stages] == [True, False]
    assert "line 2 of this session" in found.stages[-1].evidence


@pytest.mark.parametrize(("at_least", "result"), [(0, "ok"), (2, "ok"), (3, "fail")])
def test_c10_min_events(tmp_path: Path, at_least: int, result: str) -> None:
    found = validate(log(tmp_path, line(), line()), 0, Expectation(min_events=at_least))
    assert found.result == result


@pytest.mark.parametrize(
    ("harnesses", "match", "result"),
    [
        ([], "all", "ok"),
        (["claude"], "all", "ok"),
        (["claude", "gemini"], "all", "fail"),
        (["claude", "gemini"], "any", "ok"),
        (["gemini", "codex"], "any", "fail"),
        (["gemini"], "any", "fail"),
    ],
)
def test_c10_every_agent_that_was_asked_for_or_any(
    tmp_path: Path, harnesses: list[str], match: str, result: str
) -> None:
    expected = Expectation(harnesses=harnesses, match=match)  # type: ignore[arg-type]
    assert validate(log(tmp_path, line()), 0, expected).result == result


def test_c6_a_failure_is_a_warning_where_no_telemetry_is_required(tmp_path: Path) -> None:
    assert validate(log(tmp_path), 0, Expectation(required=False)).result == "warn"


def test_c10_only_what_is_behind_the_offset_counts(tmp_path: Path) -> None:
    before = b"anything at all\n" + line("gemini_cli")
    found = validate(log(tmp_path, before, line()), len(before), Expectation())
    assert (found.events, found.agents) == (1, {"claude_code": 1})


def test_c10_a_log_that_was_replaced_by_a_shorter_one_counts_as_a_whole(tmp_path: Path) -> None:
    assert validate(log(tmp_path, line()), 10_000, Expectation()).events == 1
