"""Messages of hooks become normalized events. Their form is what vendors document; tests/agents has a real one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from beacon_core import Batch, Event, Host
from beacon_core.lines import hook_event
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor

BASE = {"session_id": "s-1", "transcript_path": "/t.jsonl", "cwd": "/w", "permission_mode": "default"}
BASH = {"tool_name": "Bash", "tool_input": {"command": "make test"}, "tool_use_id": "toolu_1"}


def made(*messages: dict[str, Any], agent: str = "claude_code") -> list[Event]:
    processor = CanonicalizeProcessor(CanonicalizeConfig())
    processor.start(Host("canonicalize"))
    events = [replace(hook_event({**BASE, **m}, 1, agent), id=f"x-{n}") for n, m in enumerate(messages)]
    batch = processor.process(Batch("x", tuple(events)))
    assert processor.process(batch) is batch
    return list(batch)


@pytest.mark.parametrize(
    ("name", "more", "action", "attributes"),
    [
        (
            "SessionStart",
            {"source": "startup", "model": "m"},
            "session.started",
            {"beacon.session.start_type": "fresh"},
        ),
        ("SessionStart", {"source": "resume"}, "session.started", {"beacon.session.start_type": "resume"}),
        ("UserPromptSubmit", {"prompt": "hi"}, "prompt.submitted", {"beacon.prompt.text": "hi"}),
        ("PreToolUse", BASH, "tool.invoked", {"gen_ai.tool.call.arguments": '{"command":"make test"}'}),
        (
            *("PostToolUse", {**BASH, "tool_response": {"stdout": "ok"}, "duration_ms": 12}, "command.executed"),
            {
                "process.command_line": "make test",
                "beacon.outcome": "success",
                "beacon.duration_ms": 12,
                "gen_ai.tool.call.result": '{"stdout":"ok"}',
                "gen_ai.tool.call.id": "toolu_1",
            },
        ),
        (
            *("PostToolUse", {"tool_name": "Read", "tool_input": {"file_path": "/w/a"}}, "file.read"),
            {"file.path": "/w/a"},
        ),
        (
            *("PostToolUse", {"tool_name": "mcp__git__log", "tool_input": {}}, "mcp.tool_invoked"),
            {"beacon.mcp.server.name": "git", "gen_ai.tool.name": "log"},
        ),
        ("PostToolUse", {"tool_name": "Grep"}, "tool.completed", {"beacon.outcome": "success"}),
        (
            *("PostToolUseFailure", {"tool_name": "WebFetch", "error": "no", "is_interrupt": False}, "tool.failed"),
            {"beacon.outcome": "failure", "error.message": "no"},
        ),
        ("PermissionRequest", BASH, "approval.requested", {"beacon.approval.decision": "requested"}),
        ("PermissionDenied", BASH, "approval.denied", {"beacon.approval.decision": "denied"}),
        ("Stop", {"stop_hook_active": False}, "session.activity", {}),
        ("SessionEnd", {"reason": "other"}, "session.completed", {}),
        ("BrandNew", {"x": 1}, "session.activity", {"beacon.source.event": "hook.BrandNew"}),
    ],
)
def test_claude_code(name: str, more: dict[str, Any], action: str, attributes: dict[str, Any]) -> None:
    (event,) = made({"hook_event_name": name, **more})
    assert event.name == action
    assert event.attributes.items() >= attributes.items()
    assert event.attributes["beacon.source"] == "hook"
    assert event.attributes["beacon.agent.name"] == "claude_code"
    assert event.attributes["session.id"] == "s-1"
    assert event.attributes["process.working_directory"] == "/w"


@pytest.mark.parametrize(
    ("agent", "name", "more", "action"),
    [
        ("gemini_cli", "BeforeTool", {"tool_name": "read_file", "tool_input": {}}, "tool.invoked"),
        ("gemini_cli", "AfterTool", {"tool_name": "read_file", "tool_response": {"a": 1}}, "tool.completed"),
        ("gemini_cli", "AfterTool", {"tool_name": "read_file", "tool_response": {"error": "x"}}, "tool.failed"),
        (
            "gemini_cli",
            "AfterTool",
            {"tool_name": "run_shell_command", "tool_input": {"command": "ls"}},
            "command.executed",
        ),
        ("gemini_cli", "BeforeAgent", {"prompt": "hi"}, "prompt.submitted"),
        ("gemini_cli", "SessionEnd", {}, "session.completed"),
        ("codex_cli", "PreToolUse", BASH, "tool.invoked"),
        ("codex_cli", "PostToolUse", BASH, "command.executed"),
        ("codex_cli", "UserPromptSubmit", {"prompt": "hi"}, "prompt.submitted"),
    ],
)
def test_other_agents(agent: str, name: str, more: dict[str, Any], action: str) -> None:
    (event,) = made({"hook_event_name": name, **more}, agent=agent)
    assert event.name == action
    assert event.attributes["beacon.agent.name"] == agent
    if action == "command.executed":
        assert event.attributes["process.command_line"] in {"ls", "make test"}


def test_an_agent_that_nobody_knows_keeps_its_names() -> None:
    processor = CanonicalizeProcessor(CanonicalizeConfig())
    processor.start(Host("canonicalize"))
    event = replace(hook_event({"agent": "my_agent", "event": "tool.finished", "data": {"a": 1}}, 1), id="x-0")
    batch = Batch("x", (event,))
    assert processor.process(batch) is batch


def test_a_hook_before_and_after_a_call_are_two_events_and_one_call() -> None:
    events = made({"hook_event_name": "PreToolUse", **BASH}, {"hook_event_name": "PostToolUse", **BASH})
    assert [event.name for event in events] == ["tool.invoked", "command.executed"]
