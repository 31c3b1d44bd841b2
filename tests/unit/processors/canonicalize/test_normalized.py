"""The normalized event: what the shipped rules make of the events of agents, beyond what is in the recordings."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from beacon_core import Event, Host, Metric, Span
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.testing import make_batch

SERVICES = {"claude": "claude-code", "codex": "codex_exec", "gemini": "gemini-cli"}
CLAUDE = {"service.name": "claude-code"}


def started(**options: Any) -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(Host("canonicalize"))
    return processor


SHIPPED = started()


def all_of(agent: str, event: str, processor: CanonicalizeProcessor = SHIPPED, **more: Any) -> list[Event]:
    attributes = {"event.name": event} | more.pop("attributes", {})
    members = {"name": "", "body": None, "resource": {"service.name": SERVICES.get(agent, agent)}} | more
    result = processor.process(make_batch(1, attributes=attributes, **members))
    assert processor.process(result) is result
    return list(result)


def made(agent: str, name: str, processor: CanonicalizeProcessor = SHIPPED, **attributes: Any) -> Event:
    (event,) = all_of(agent, name, processor, attributes=attributes)
    return event


def tool(tool_name: str, tool_input: object = None, **more: Any) -> Event:
    text = tool_input if isinstance(tool_input, str) or tool_input is None else json.dumps(tool_input)
    return made("claude", "tool_result", tool_name=tool_name, tool_input=text, **more)


# ---- commands ----


def test_a_command_that_the_client_has_cut_is_taken_from_the_parameters() -> None:
    cut = "echo aaa\u2026[9000 chars]"
    event = tool("Bash", {"command": cut}, tool_parameters='{"full_command": "echo aaabbb", "bash_command": "echo"}')
    assert event.name == "command.executed"
    assert event.attributes["process.command_line"] == "echo aaabbb"
    assert tool("Bash", {"command": cut}).attributes["process.command_line"] == cut
    only = tool("Bash", tool_parameters='{"bash_command": "echo"}')
    assert only.attributes["process.command_line"] == "echo"


def test_a_failed_command_stays_a_command_and_any_other_failed_tool_does_not() -> None:
    for name in ("Bash", "PowerShell", "pwsh"):
        event = tool(name, {"command": "x"}, success="false", error_type="ShellError")
        assert (event.name, event.severity_number) == ("command.executed", 13)
        assert event.attributes["error.type"] == "ShellError"
    for name in ("Read", "Edit", "mcp_tool", "Grep"):
        assert tool(name, {}, success="false").name == "tool.failed"


@pytest.mark.parametrize("text", ["{", '{"command": ', "[1]", '{"a":' * 5000, "null", "\ud800{"])
def test_json_that_is_broken_is_text(text: str) -> None:
    event = tool("Bash", text)
    assert event.name == "command.executed"
    assert "process.command_line" not in event.attributes
    raw: Any = event.attributes["beacon.raw"]
    assert raw["tool_input"] == text or "command" in raw["tool_input"]


def test_what_rules_do_not_take_of_json_is_left_in_raw() -> None:
    event = tool("Bash", {"command": "ls", "timeout": 5, "dangerouslyDisableSandbox": True})
    assert event.attributes["beacon.raw"] == {"tool_input": {"timeout": 5, "dangerouslyDisableSandbox": True}}
    huge = json.dumps({"command": "ls", "timeout": 10**30})
    assert tool("Bash", huge).attributes["beacon.raw"] == {"tool_input": huge}  # no queue can store such a number


# ---- files ----


def test_files_have_path_operation_and_sizes() -> None:
    read = tool("Read", {"file_path": "/a"})
    assert (read.name, read.attributes["file.path"]) == ("file.read", "/a")
    write = tool("Write", {"file_path": "/a", "content": "h\u00e9"})
    assert write.name == "file.modified"
    assert write.attributes["beacon.file.operation"] == "create"
    assert write.attributes["beacon.file.diff_bytes"] == 3
    assert "beacon.raw" not in write.attributes
    notebook = tool("NotebookEdit", {"notebook_path": "/n", "new_source": "xy"})
    assert notebook.attributes["file.path"] == "/n"
    assert notebook.attributes["beacon.file.diff_bytes"] == 2
    multi = tool("MultiEdit", {"file_path": "/a", "edits": [{"old_string": "a", "new_string": "bc"}, 5]})
    assert multi.attributes["beacon.file.diff_bytes"] == 3


def test_of_content_that_the_client_has_cut_no_size_and_no_hash_is_told() -> None:
    event = tool("Write", {"file_path": "/a", "content": "x\u2026[9000 chars]"})
    assert "beacon.file.diff_bytes" not in event.attributes


def test_p7_a_diff_is_hashed_only_with_the_key_of_the_installation() -> None:
    tool_input = json.dumps({"file_path": "/a", "old_string": "old", "new_string": "new"})
    keyed = started(hash_key="not a real key")
    event = made("claude", "tool_result", keyed, tool_name="Edit", tool_input=tool_input)
    expected = hmac.new(b"not a real key", b"old\0new", hashlib.sha256).hexdigest()
    assert event.attributes["beacon.file.diff_hash"] == expected
    assert "beacon.file.diff_hash" not in tool("Edit", tool_input).attributes
    assert "not a real key" not in repr(keyed.config)


# ---- MCP ----


@pytest.mark.parametrize(
    ("name", "parameters", "server", "called"),
    [
        ("mcp_tool", '{"mcp_server_name": "git", "mcp_tool_name": "log"}', "git", "log"),
        ("mcp__git__log", None, "git", "log"),
        ("mcp__git__log__all", None, "git", "log__all"),
        ("MCP:log", None, None, "log"),
        ("mcp_tool", None, None, "mcp_tool"),
    ],
)
def test_mcp_server_and_tool(name: str, parameters: str | None, server: str | None, called: str) -> None:
    event = tool(name, {"a": 1}, tool_parameters=parameters, mcp_server_scope="user")
    assert event.name == "mcp.tool_invoked"
    assert event.attributes.get("beacon.mcp.server.name") == server
    assert event.attributes["gen_ai.tool.name"] == called
    assert event.attributes["beacon.mcp.server.scope"] == "user"
    assert event.attributes["gen_ai.tool.call.arguments"] == '{"a": 1}'


# ---- approvals, severity ----


@pytest.mark.parametrize(
    ("decision", "action", "canonical", "severity"),
    [
        ("accept", "approval.allowed", "allowed", 9),
        ("deny", "approval.denied", "denied", 13),
        ("ask", "approval.requested", "requested", 9),
        (None, "approval.requested", "requested", 9),
    ],
)
def test_a_decision_is_an_action(decision: str | None, action: str, canonical: str, severity: int) -> None:
    event = made(
        "claude", "tool_decision", decision=decision, tool_name="Bash", tool_parameters='{"full_command": "ls -l"}'
    )
    assert (event.name, event.severity_number) == (action, severity)
    assert event.attributes["beacon.approval.decision"] == canonical
    assert event.attributes["process.command_line"] == "ls -l"
    assert event.attributes.get("beacon.raw", {}) == ({"decision": "ask"} if decision == "ask" else {})


@pytest.mark.parametrize(
    ("name", "attributes", "severity"),
    [
        ("api_refusal", {}, "WARN"),
        ("hook_execution_complete", {"num_blocking": "1"}, "WARN"),
        ("hook_execution_complete", {"num_blocking": "0"}, "INFO"),
        ("mcp_server_connection", {"status": "failed"}, "WARN"),
        ("mcp_server_connection", {"status": "connected"}, "INFO"),
        ("internal_error", {"error_name": "TypeError"}, "ERROR"),
        ("something_new", {}, "INFO"),
    ],
)
def test_severity_follows_from_what_happened(name: str, attributes: dict[str, str], severity: str) -> None:
    assert made("claude", name, **attributes).severity_text == severity


def test_severity_of_the_source_wins() -> None:
    (event,) = all_of("codex", "codex.api_request", attributes={"error.message": "x"}, severity_number=5)
    assert (event.name, event.severity_number) == ("session.error", 5)
    (worded,) = all_of("claude", "user_prompt", severity_text="warning")
    assert (worded.severity_number, worded.severity_text) == (13, "warning")


def test_an_event_nobody_knows_is_activity_and_keeps_everything_in_raw() -> None:
    event = made("claude", "brand_new", colour="red", n_ms="5", odd_ms="x")
    assert event.name == "session.activity"
    assert event.attributes["beacon.source.event"] == "brand_new"
    assert event.attributes["beacon.raw"] == {"colour": "red", "n_ms": 5, "odd_ms": "x"}
    assert "beacon.raw" not in made("claude", "brand_new", started(keep_raw=False), colour="red").attributes


# ---- usage ----


def test_cost_in_micros_wins_and_negative_differences_are_counted() -> None:
    event = made("claude", "api_request", cost_usd_micros="13220", cost_usd=0.0132199, input_tokens="5")
    assert event.attributes["beacon.usage.cost_usd"] == 0.01322
    assert event.attributes["gen_ai.usage.input_tokens"] == 5
    assert "beacon.raw" not in event.attributes
    assert made("claude", "api_request", cost_usd=1).attributes["beacon.usage.cost_usd"] == 1.0
    host = Host("canonicalize")
    processor = CanonicalizeProcessor(CanonicalizeConfig())
    processor.start(host)
    usage = made("codex", "codex.sse_event", processor, input_token_count="5", cached_token_count=9)
    assert usage.attributes["beacon.usage.uncached_input_tokens"] == 0
    assert host.counters.get("usage_corrected", "canonicalize") == 1


def test_a_model_loses_its_suffix_and_keeps_it_beside() -> None:
    event = made("claude", "api_request", model="claude-opus-4-8[1m]")
    assert event.attributes["gen_ai.request.model"] == "claude-opus-4-8"
    assert event.attributes["beacon.source.model"] == "claude-opus-4-8[1m]"


def test_a_copy_of_the_resource_is_left_out_and_a_difference_is_kept() -> None:
    resource = {"service.name": "claude-code", "team.id": "a", "vcs.ref.head.name": "main"}
    attributes = {"team.id": "a", "vcs.ref.head.name": "feature", "session.id": "s"}
    (event,) = all_of("claude", "user_prompt", attributes=attributes, resource=resource)
    assert event.attributes["vcs.ref.head.name"] == "feature"
    assert "beacon.raw" not in event.attributes


# ---- codex, gemini, others ----


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"cmd": "ls -l"}, "ls -l"),
        ({"command": ["bash", "-lc", "echo 'a b'"]}, "bash -lc 'echo '\"'\"'a b'\"'\"''"),
    ],
)
def test_codex_commands(arguments: object, line: str) -> None:
    event = made(
        "codex",
        "codex.tool_result",
        tool_name="x",
        arguments=json.dumps(arguments),
        output="a\nProcess exited with code 3\nb",
    )
    assert event.name == "command.executed"
    assert event.attributes["process.command_line"] == line
    assert event.attributes["process.exit.code"] == 3


def test_codex_patches_mcp_and_other_tools() -> None:
    patch = "*** Begin Patch\n*** Add File: src/a.py\n+x\n*** Update File: b\n"
    for arguments in (patch, json.dumps({"input": patch})):
        event = made("codex", "codex.tool_result", tool_name="apply_patch", arguments=arguments)
        assert event.name == "file.modified"
        assert event.attributes["file.path"] == "src/a.py"
        assert event.attributes["beacon.file.operation"] == "create"
    mcp = made("codex", "codex.tool_result", tool_name="log", mcp_server="git", arguments="{}")
    assert (mcp.name, mcp.attributes["beacon.mcp.server.name"]) == ("mcp.tool_invoked", "git")
    other = made("codex", "codex.tool_result", tool_name="plan", mcp_server="", arguments="{}", success="false")
    assert other.name == "tool.failed"
    assert other.attributes["gen_ai.tool.call.arguments"] == "{}"
    denied = made("codex", "codex.tool_decision", decision="denied_by_policy")
    assert (denied.name, denied.attributes["beacon.approval.decision"]) == ("approval.denied", "denied")
    approved = made("codex", "codex.tool_decision", decision="approved_execpolicy_amendment")
    assert approved.name == "approval.allowed"


def test_codex_errors_are_kept_and_its_inner_life_is_not() -> None:
    error = made("codex", "codex.api_request", **{"http.response.status_code": "500"})
    assert (error.name, error.severity_text) == ("session.error", "ERROR")
    assert error.attributes["error.type"] == "500"
    assert all_of("codex", "codex.api_request", attributes={"http.response.status_code": 200}) == []
    assert all_of("codex", "codex.brand_new") == []
    assert all_of("codex", "x", signal="span", span=Span()) == []
    assert all_of("codex", "", name="codex.tool.call", signal="metric", metric=Metric(kind="sum")) == []


@pytest.mark.parametrize(
    ("name", "attributes", "action"),
    [
        ("tool_call", {"function_name": "read_file", "function_args": '{"file_path": "/a"}'}, "file.read"),
        ("tool_call", {"function_name": "write_file", "function_args": '{"file_path": "/a"}'}, "file.modified"),
        ("tool_call", {"function_name": "replace"}, "file.modified"),
        ("tool_call", {"function_name": "x", "tool_type": "mcp", "mcp_server_name": "git"}, "mcp.tool_invoked"),
        ("tool_call", {"function_name": "x"}, "tool.invoked"),
        ("tool_call", {"function_name": "x", "success": False}, "tool.failed"),
        ("tool_call", {"function_name": "run_shell_command", "success": False}, "command.executed"),
        ("tool_call", {"function_name": "run_shell_command", "decision": "reject"}, "approval.denied"),
        ("file_operation", {"operation": "create"}, "file.created"),
        ("file_operation", {"operation": "read"}, "file.read"),
        ("file_operation", {"operation": "update"}, "file.modified"),
        ("api_error", {"status_code": 500}, "session.error"),
        ("conversation_finished", {}, "session.completed"),
        ("chat_compression", {}, "session.activity"),
    ],
)
def test_gemini_events(name: str, attributes: dict[str, Any], action: str) -> None:
    event = made("gemini", f"gemini_cli.{name}", **attributes)
    assert event.name == action
    assert event.attributes["gen_ai.provider.name"] == "gcp.gen_ai"
    if "function_args" in attributes:
        assert event.attributes["file.path"] == "/a"


def test_spans_of_agents_that_write_opentelemetrys_names() -> None:
    for service, agent in (("github-copilot", "copilot_cli"), ("my-agent", "my-agent")):
        spans = {
            "chat": "token.usage",
            "invoke_agent": "session.activity",
            "execute_tool": "tool.invoked",
            "embeddings": "trace.unclassified",
        }
        for operation, action in spans.items():
            attributes = {
                "gen_ai.operation.name": operation,
                "gen_ai.usage.input_tokens": 5,
                "gen_ai.conversation.id": "c",
            }
            (event,) = all_of(service, "", name="x", signal="span", span=Span(), attributes=attributes)
            assert event.attributes["beacon.event.action"] == action
            assert event.attributes["beacon.agent.name"] == agent
            assert event.attributes["session.id"] == "c"
            counted = {"chat": True, "invoke_agent": False}.get(operation)
            assert event.attributes.get("beacon.usage.counted") is counted
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "bash"}
    failed = Span(status_code="error")
    (event,) = all_of("my-agent", "", name="x", signal="span", span=failed, attributes=attributes)
    assert event.attributes["beacon.event.action"] == "command.executed"
    assert (event.attributes["beacon.outcome"], event.severity_text) == ("failure", "ERROR")


def test_an_agent_sdk_is_told_by_its_entry_point() -> None:
    event = made("claude", "user_prompt", **{"app.entrypoint": "sdk-py"})
    assert event.attributes["beacon.agent.name"] == "claude_agent_sdk"
    assert event.name == "prompt.submitted"


def test_noise_is_what_says_nothing() -> None:
    builtin = {"marketplace.name": "builtin"}
    assert all_of("claude", "plugin_loaded", attributes=builtin) == []
    assert len(all_of("claude", "plugin_loaded", attributes={"marketplace.name": "other"})) == 1
    settings = {
        "managed_settings.trigger": "startup",
        "managed_settings.helper.state": "none",
        "managed_settings.sources": [],
    }
    assert all_of("claude", "managed_settings_resolved", attributes=settings) == []
    settings["managed_settings.sources"] = ["file"]
    assert len(all_of("claude", "managed_settings_resolved", attributes=settings)) == 1
    empty = make_batch(1, name="", body=" ", attributes={}, resource=CLAUDE)
    assert len(SHIPPED.process(empty)) == 0
    runtime = make_batch(1, name="nodejs.eventloop.delay", signal="metric", body=None, resource=CLAUDE)
    assert len(SHIPPED.process(runtime)) == 0
    assert len(started(keep_noise=True).process(runtime)) == 1
    assert SHIPPED.process(make_batch(1, name="", body=" ", attributes={}, resource={"service.name": "shop"}))
