from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core import Event, Host, Scope
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.testing import make_batch

CLAUDE = {"service.name": "claude-code"}


def started(**options: Any) -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(Host("canonicalize"))
    return processor


SHIPPED = started()
KEEPING = started(keep_noise=True)


def one(processor: CanonicalizeProcessor = SHIPPED, **members: Any) -> Event:
    (event,) = processor.process(make_batch(1, **members))
    return event


def test_unknown_names_pass_unchanged_as_the_same_batch() -> None:
    batch = make_batch(3, attributes={"model": "T", "status": "ok", "duration_ms": "5"})
    assert SHIPPED.process(batch) is batch


def test_only_changed_events_are_new() -> None:
    known, unknown = make_batch(1, id="a", resource=CLAUDE), make_batch(1, id="b")
    result = SHIPPED.process(make_batch(0).with_events([*known, *unknown]))
    assert result.events[0] is not known.events[0]
    assert result.events[1] is unknown.events[0]
    assert result.events[0].id == known.events[0].id


@pytest.mark.parametrize(
    "members",
    [
        {"name": "claude_code.user_prompt"},
        {"name": "user_prompt"},
        {"name": "", "attributes": {"event.name": "user_prompt"}},
        {"name": "", "attributes": {"event.name": "claude_code.user_prompt"}},
        {"name": "", "body": "claude_code.user_prompt"},
    ],
)
def test_an_event_gets_its_action_from_name_attribute_or_body(members: dict[str, Any]) -> None:
    event = one(**({"attributes": {}, "resource": CLAUDE} | members))
    assert event.name == "prompt.submitted"
    assert event.attributes == {
        "beacon.schema.version": "1.0",
        "beacon.event.kind": "agent_runtime",
        "beacon.event.action": "prompt.submitted",
        "beacon.event.category": "prompt",
        "beacon.source": "otlp_log",
        "beacon.source.event": "user_prompt",
        "beacon.agent.name": "claude_code",
        "gen_ai.provider.name": "anthropic",
    }


def test_the_full_event_name_is_enough_to_recognize_the_agent() -> None:
    for members in ({"name": "claude_code.api_request"}, {"name": "", "body": "claude_code.api_request"}):
        event = one(attributes={"model": "m"}, **members)
        assert event.name == "token.usage"
        assert event.attributes["beacon.agent.name"] == "claude_code"
        assert event.attributes["gen_ai.request.model"] == "m"


def test_a_message_of_one_word_is_no_event_name() -> None:
    assert one(name="", body="api_request", attributes={}, resource=CLAUDE).name == "session.activity"


def test_an_action_that_an_event_brings_along_wins() -> None:
    for key in ("beacon.event.action", "event.action"):
        event = one(name="claude_code.user_prompt", attributes={key: "my.action"}, resource=CLAUDE)
        assert event.name == "my.action"
        assert event.attributes["beacon.event.action"] == "my.action"


def test_metrics_and_spans_keep_their_names() -> None:
    for signal, action in (("metric", "metric.observed"), ("span", "trace.unclassified")):
        event = one(signal=signal, name="user_prompt", body=None, attributes={"tool_name": "Bash"}, resource=CLAUDE)
        assert event.name == "user_prompt"
        assert event.attributes["gen_ai.tool.name"] == "Bash"
        assert event.attributes["beacon.event.action"] == action
        assert event.attributes["beacon.source"] == f"otlp_{signal}"
        assert event.severity_number == 9


@pytest.mark.parametrize(
    ("service", "scope", "agent"),
    [
        ("claude-code", "", "claude_code"),
        ("Claude", "", "claude_code"),
        ("billing", "com.anthropic.claude_code.events", "claude_code"),
        ("claude-cowork", "", "claude_cowork"),
        ("claude_web", "", "claude_web"),
        ("claude-agent-sdk", "", "claude_agent_sdk"),
        ("codex_cli_rs", "", "codex_cli"),
        ("gemini-cli", "", "gemini_cli"),
        ("VSCode GitHub Copilot", "", "vscode_copilot"),
        ("copilot-chat", "", "vscode_copilot"),
        ("github-copilot", "", "copilot_cli"),
        ("pi", "", "pi_cli"),
        ("pipeline", "", None),
        ("decline", "", None),
        ("x" * 100_000 + "claude", "", None),
    ],
)
def test_an_agent_is_recognized_by_service_then_scope(service: str, scope: str, agent: str | None) -> None:
    event = one(KEEPING, resource={"service.name": service}, scope=Scope(name=scope))
    assert event.attributes.get("beacon.agent.name") == agent


@pytest.mark.parametrize(
    ("given_name", "agent"), [("claude", "claude_code"), ("claude-code", "claude_code"), ("own", "own")]
)
def test_an_agent_that_an_event_names_itself_is_canonical_too(given_name: str, agent: str) -> None:
    assert one(attributes={"beacon.agent.name": given_name}).attributes["beacon.agent.name"] == agent
    assert one(resource={"beacon.agent.name": given_name}).attributes["beacon.agent.name"] == agent


def test_values_and_types_are_canonical() -> None:
    event = one(
        attributes={"decision": "accept", "success": "false", "duration_ms": "47", "cost_usd": 0, "safe_mode": "true"},
        resource=CLAUDE,
    )
    expected = {
        "beacon.approval.decision": "allowed",
        "beacon.outcome": "failure",
        "beacon.duration_ms": 47,
        "beacon.raw": {"cost_usd": 0.0, "safe_mode": True},
    }
    assert event.attributes.items() >= expected.items()
    assert one(attributes={"success": True}, resource=CLAUDE).attributes["beacon.outcome"] == "success"


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("int", "-5", -5),
        ("int", "007", "007"),
        ("int", "1.5", "1.5"),
        ("int", 12.6, 13),
        ("int", "9223372036854775808", "9223372036854775808"),
        ("int", "٣", "٣"),
        ("int", True, True),
        ("int", float("inf"), float("inf")),
        ("int", "9" * 100_000, "9" * 100_000),
        ("float", "1.5e3", 1500.0),
        ("float", "1e999", "1e999"),
        ("float", "nan", "nan"),
        ("bool", "true", True),
        ("bool", "True", "True"),
        ("bool", 1, 1),
        ("string", 5, "5"),
        ("string", True, "true"),
        ("string", None, None),
        ("int", [1], [1]),
    ],
)
def test_a_value_that_does_not_fit_its_type_stays(kind: str, value: object, typed: object) -> None:
    result = one(started(packs=[], types={"n": kind}), attributes={"n": value}).attributes["n"]
    assert result == typed
    assert type(result) is type(typed)


def test_of_two_aliases_the_canonical_name_wins_else_the_first_in_the_table() -> None:
    processor = started(packs=[], attributes={"size": ["bytes", "length"]})
    assert one(processor, attributes={"length": 1, "bytes": 2}).attributes == {"length": 1, "size": 2}
    assert one(processor, attributes={"length": 1, "size": 3}).attributes == {"length": 1, "size": 3}


def test_the_original_names_are_kept_when_asked() -> None:
    event = one(
        started(keep_original=True),
        name="",
        body="claude_code.user_prompt",
        attributes={"decision": "reject", "prompt_length": "3"},
        resource=CLAUDE,
    )
    originals = {key: value for key, value in event.attributes.items() if key.startswith("beacon.original.")}
    assert originals == {
        "beacon.original.name": "claude_code.user_prompt",
        "beacon.original.attributes.beacon.approval.decision": "decision",
        "beacon.original.values.beacon.approval.decision": "reject",
        "beacon.original.attributes.beacon.prompt.length": "prompt_length",
        "beacon.original.values.beacon.prompt.length": "3",
    }


def test_what_is_shared_is_not_changed() -> None:
    attributes = {"tool_name": "Bash", "success": "true"}
    batch = make_batch(1, attributes=attributes, resource=CLAUDE)
    SHIPPED.process(batch)
    assert attributes == {"tool_name": "Bash", "success": "true"}
    assert CLAUDE == {"service.name": "claude-code"}


def test_an_unstarted_processor_can_be_shut_down_twice() -> None:
    processor = CanonicalizeProcessor(CanonicalizeConfig())
    processor.shutdown(1)
    processor.shutdown(1)


NAMES = st.sampled_from(
    (
        *("tool_name", "gen_ai.tool.name", "success", "beacon.outcome", "event.name", "event.action", "decision"),
        *("beacon.event.action", "beacon.agent.name", "beacon.source.event", "duration_ms", "safe_mode"),
        *("a", "b", "c", "n", "s"),
    )
)
TEXTS = st.sampled_from(
    ["true", "false", "accept", "user_prompt", "claude_code.user_prompt", "claude", "5", "x", "y", "z", "one", ""]
)
VALUES = TEXTS | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.none() | st.lists(TEXTS)
OWN = {
    "events": {"my.event": ["claude_code.user_prompt", "x"], "login": ["signin"]},
    "attributes": {"c": ["b", "a"]},
    "values": {"c": {"x": ["y", "5"]}, "n": {"1": ["one"]}, "s": {"five": ["5", "true"]}},
    "types": {"c": "string", "n": "int", "s": "bool"},
}


@pytest.mark.parametrize("options", [{}, {"keep_original": True}, OWN, OWN | {"keep_original": True, "packs": []}])
def test_a_second_pass_changes_nothing(options: dict[str, Any]) -> None:
    processor = started(**options)

    @given(
        st.dictionaries(NAMES, VALUES),
        TEXTS,
        VALUES,
        st.sampled_from([{}, CLAUDE, {"service.name": "x"}, {"beacon.agent.name": "Claude"}]),
        st.sampled_from(["log", "metric", "span"]),
    )
    def check(attributes: dict[str, Any], name: str, body: Any, resource: dict[str, str], signal: str) -> None:
        batch = make_batch(1, attributes=attributes, name=name, body=body, resource=resource, signal=signal)
        once = processor.process(batch)
        assert processor.process(once) is once

    check()
