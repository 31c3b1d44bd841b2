"""Whatever an event holds: nothing is raised, a second pass changes nothing, and a queue can store the result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core import Batch, Event, Host, Span, encode_batch
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor, load_schema
from beacon_core.testing import ProcessorContract, make_samples

AGENTS = ("claude-code", "codex_exec", "gemini-cli", "copilot", "cline", "shop")
EVENTS = (
    *("user_prompt", "tool_result", "tool_decision", "api_request", "api_error", "mcp_server_connection"),
    *("codex.tool_result", "codex.sse_event", "codex.tool_decision", "codex.api_request", "codex.user_prompt"),
    *("gemini_cli.tool_call", "gemini_cli.api_response", "gemini_cli.file_operation", "llm_request", "", "x.y"),
    *("claude_code.token.usage", "turn.token_usage", "managed_settings_resolved"),
)
KEYS = (
    *load_schema().names,
    *(
        "tool_name",
        "tool_input",
        "tool_parameters",
        "arguments",
        "output",
        "function_args",
        "function_name",
        "decision",
    ),
    *("success", "prompt", "prompt_text", "response", "model", "slug", "cost_usd", "cost_usd_micros", "input_tokens"),
    *("input_token_count", "cached_token_count", "duration_ms", "mcp_server", "event.name", "event.action", "type"),
    *("vcs.ref.head.revision", "vcs.ref.head.name", "app.entrypoint", "event.timestamp", "status", "operation", "team"),
)
WORDS = (
    *(
        "Bash",
        "Edit",
        "mcp_tool",
        "mcp__a__b",
        "MCP:x",
        "apply_patch",
        "exec_command",
        "run_shell_command",
        "execute_tool",
    ),
    *(
        "true",
        "false",
        "accept",
        "reject",
        "approved",
        "5",
        "-1",
        "1e5",
        "<REDACTED>",
        "chat",
        "sdk-ts",
        "",
        "m[1m]",
        "\0",
    ),
    *("*** Add File: a", "Process exited with code 7", "user_prompt", "claude", "x\u2026[5 chars]", "9" * 30),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("command", "cmd", "file_path", "old_string", "edits", "mcp_tool_name", "git_branch", "z")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
STORABLE = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans() | st.none() | st.binary(max_size=5)
VALUES = (
    st.sampled_from(WORDS)
    | STORABLE
    | JSON.map(json.dumps)
    | JSON.map(json.dumps).map(lambda text: text[:-1])
    | st.lists(st.sampled_from(WORDS), max_size=3)
    | st.dictionaries(st.sampled_from(("command", "a")), st.sampled_from(WORDS), max_size=2)
)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"keep_original": True, "keep_noise": True, "hash_key": "k"},
    {"keep_raw": False, "attributes": {"team.name": ["team", "z"]}, "values": {"team.name": {"a": ["5", "true"]}}},
]


def started(options: dict[str, Any]) -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(Host("canonicalize"))
    return processor


@pytest.mark.parametrize("options", OPTIONS, ids=["shipped", "all kept", "own names"])
def test_any_event_is_processed_once_and_for_all(options: dict[str, Any]) -> None:
    processor = started(options)

    @settings(max_examples=400, deadline=None)
    @given(
        st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=12),
        st.tuples(st.sampled_from(EVENTS), st.sampled_from(AGENTS), st.sampled_from(["log", "metric", "span"])),
        VALUES,
        st.booleans(),
    )
    def check(attributes: dict[str, Any], source: tuple[str, str, Any], body: Any, in_attributes: bool) -> None:
        name, agent, signal = source
        given_name = {"event.name": name} if in_attributes else {}
        event = Event(
            id="x-0",
            signal=signal,
            name="" if in_attributes else name,
            time_unix_nano=1,
            body=body,
            attributes=attributes | given_name,
            resource={"service.name": agent, "team": "5"},
            span=Span(status_code="error") if signal == "span" else None,
        )
        before = dict(event.attributes)
        batch = Batch("x", (event,))
        once = processor.process(batch)
        assert event.attributes == before or str(event.attributes) == str(before)  # nan is not equal to itself
        again = processor.process(once)
        assert again is once or encode_batch(again) == encode_batch(once)
        encode_batch(once)

    check()


def test_huge_and_deep_values_are_no_problem() -> None:
    processor = started({})
    deep = '{"command":' * 100_000
    long = json.dumps({"command": "echo " + "a" * 3_000_000})
    for text in (deep, long, "{" * 1_000_000, '{"command": "' + "\\u0041" * 100_000 + '"}'):
        attributes = {"event.name": "tool_result", "tool_name": "Bash", "tool_input": text, "tool_parameters": text}
        event = Event(
            id="x", signal="log", name="", time_unix_nano=1, attributes=attributes, resource={"service.name": "claude"}
        )
        (result,) = processor.process(Batch("x", (event,)))
        assert result.name == "command.executed"
        encode_batch(Batch("x", (result,)))


def test_many_unknown_names_are_not_remembered_for_ever() -> None:
    processor = started({})
    plans = processor._tables.plans("claude_code")
    for number in range(6000):
        event = Event(
            id="x",
            signal="metric",
            name=f"m{number}",
            time_unix_nano=1,
            attributes={f"a{number}": 1},
            resource={"service.name": "claude"},
        )
        processor.process(Batch("x", (event,)))
    assert len(plans._by_name["metric"]) <= 4096
    assert len(plans._fields.known) <= 4096


class TestContract(ProcessorContract):
    @pytest.fixture
    def processor(self) -> CanonicalizeProcessor:
        return CanonicalizeProcessor(CanonicalizeConfig())

    @pytest.fixture
    def batch(self) -> Batch:
        attributes = {"event.name": "tool_result", "tool_name": "Bash", "tool_input": '{"command": "ls"}', "x": [1]}
        return make_samples(attributes=attributes, resource={"service.name": "claude-code", "list": [1]})
