"""What single lines of the shipped packs are for, where the recordings have no example."""

from __future__ import annotations

from typing import Any

import pytest

from beacon_core import Event, Host, Span
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.testing import make_batch


def started(**options: Any) -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(Host("canonicalize"))
    return processor


SHIPPED = started()


def one(processor: CanonicalizeProcessor = SHIPPED, **members: Any) -> Event:
    once = processor.process(make_batch(1, **({"body": None} | members)))
    assert processor.process(once) is once
    (event,) = once
    return event


def of_agent(
    service: str, attributes: dict[str, Any], processor: CanonicalizeProcessor = SHIPPED, **more: Any
) -> Event:
    return one(processor, attributes=attributes, resource={"service.name": service} | more.pop("resource", {}), **more)


# ---- for everybody ----


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("org", "organization"), ("claim", "env.claim"), ("organization", "organization"), ("deploy", "deploy")],
)
def test_a_command_has_one_name(given: str, canonical: str) -> None:
    event = one(attributes={"beacon.command.name": given}, resource={"service.name": "acme"})
    assert event.attributes == {"beacon.command.name": canonical}


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("accept", "allowed"), ("approve", "allowed"), ("reject", "denied"), ("allowed", "allowed"), ("later", "later")],
)
def test_a_decision_has_one_value_whoever_reports_it(given: str, canonical: str) -> None:
    event = one(attributes={"beacon.approval.decision": given}, resource={"service.name": "acme"})
    assert event.attributes == {"beacon.approval.decision": canonical}


def test_an_agents_decision_has_the_shared_words_too() -> None:
    assert (
        of_agent("cline", {"beacon.approval.decision": "approve"}).attributes["beacon.approval.decision"] == "allowed"
    )


# ---- where it ran ----


@pytest.mark.parametrize("name", ["cicd.pipeline.run.id", "beacon.run.provider"])
@pytest.mark.parametrize("service", ["claude-code", "gemini-cli", "cline"])
def test_an_event_of_a_ci_run_says_so(service: str, name: str) -> None:
    assert of_agent(service, {}, resource={name: "7"}).attributes["beacon.origin"] == "ci"
    assert "beacon.origin" not in of_agent(service, {}).attributes
    assert of_agent(service, {"beacon.origin": "cloud"}, resource={name: "7"}).attributes["beacon.origin"] == "cloud"


# ---- types (agents.md 6.8) ----


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("gen_ai.request.temperature", "0.7", 0.7),
        ("gen_ai.request.top_p", 1, 1.0),
        ("gen_ai.request.max_tokens", "4096", 4096),
        ("gen_ai.request.choice.count", "2", "2"),
        ("beacon.compaction.pre_tokens", "5", 5),
        ("gen_ai.request.seed", "12", "12"),
        ("gen_ai.acme.wait_ms", 0.4, 0.4),
    ],
)
def test_types_hold_for_opentelemetrys_names_too(name: str, value: object, typed: object) -> None:
    found = of_agent("claude-code", {name: value}).attributes[name]
    assert (found, type(found)) == (typed, type(typed))


def test_a_number_in_raw_is_not_rounded() -> None:
    event = of_agent("gemini-cli", {"routing_latency_ms": 0.4, "first_ms": "7", "is_s": 2})
    assert event.attributes["beacon.raw"] == {"routing_latency_ms": 0.4, "first_ms": 7, "is_s": 2.0}


def test_a_value_that_does_not_fit_its_type_is_in_raw() -> None:
    event = of_agent("claude-code", {"gen_ai.request.max_tokens": "many", "duration_ms": "soon"})
    assert event.attributes["beacon.raw"] == {"gen_ai.request.max_tokens": "many", "duration_ms": "soon"}


# ---- usage that is kept and not counted (agents.md 6.6) ----


@pytest.mark.parametrize(
    ("service", "signal", "name"),
    [
        ("claude-code", "log", "subagent_completed"),
        ("claude-code", "span", "claude_code.llm_request"),
        ("codex_exec", "span", "handle_responses"),
        ("gemini-cli", "log", "gen_ai.client.inference.operation.details"),
        ("gemini-cli", "span", "llm_call"),
    ],
)
def test_usage_that_repeats_another_is_not_counted(service: str, signal: str, name: str) -> None:
    span = Span() if signal == "span" else None
    usage = {"gen_ai.usage.input_tokens": 5}
    event = of_agent(service, usage, started(keep_noise=True), signal=signal, span=span, name=name)
    assert event.attributes["beacon.usage.counted"] is False
    assert event.attributes["beacon.usage.source"]


# ---- single agents ----


def test_a_span_of_claude_code_names_its_file_and_its_error() -> None:
    attributes = {"file_path": "/a", "error_class": "ShellError"}
    event = of_agent("claude-code", attributes, signal="span", span=Span(), name="claude_code.tool")
    assert (event.attributes["file.path"], event.attributes["error.type"]) == ("/a", "ShellError")
    attributes["error.type"] = "tool_error"
    event = of_agent("claude-code", attributes, signal="span", span=Span(), name="claude_code.tool.execution")
    assert event.attributes["error.type"] == "tool_error"
    assert event.attributes["beacon.raw"] == {"error_class": "ShellError"}


@pytest.mark.parametrize(
    ("attributes", "agent"),
    [
        ({"gen_ai.conversation.id": "a7"}, "a7"),
        ({"gen_ai.conversation.id": "a7", "agent_id": "a8"}, "a8"),
        ({"gen_ai.conversation.id": "s1"}, None),
        ({}, None),
    ],
)
def test_the_conversation_of_a_subagents_span_is_its_agents_id(attributes: dict[str, str], agent: str | None) -> None:
    given = {"session.id": "s1"} | attributes
    event = of_agent("claude-code", given, signal="span", span=Span(), name="claude_code.llm_request")
    assert event.attributes["gen_ai.conversation.id"] == "s1"
    assert event.attributes.get("gen_ai.agent.id") == agent


def test_a_patch_of_an_agent_with_opentelemetrys_names_has_its_file() -> None:
    patch = '{"input": "*** Begin Patch\\n*** Delete File: a/b.py\\n"}'
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "apply_patch",
        "gen_ai.tool.call.arguments": patch,
    }
    event = of_agent("github-copilot", attributes, signal="span", span=Span(), name="execute_tool apply_patch")
    assert event.attributes["beacon.event.action"] == "file.modified"
    assert (event.attributes["file.path"], event.attributes["beacon.file.operation"]) == ("a/b.py", "delete")
