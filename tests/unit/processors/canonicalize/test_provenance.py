"""Where things come from: original names, and names that no table has."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from beacon_core import Event, Host
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.testing import make_batch

ORIGINAL = "beacon.original."


def started(host: Host | None = None, **options: Any) -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(host or Host("canonicalize"))
    return processor


KEEPING = started(keep_original=True)


def originals(service: str, name: str, **attributes: Any) -> dict[str, Any]:
    batch = make_batch(1, name=name, body=None, attributes=attributes, resource={"service.name": service})
    once = KEEPING.process(batch)
    assert KEEPING.process(once) is once
    (event,) = once
    found = {key.removeprefix(ORIGINAL): value for key, value in event.attributes.items() if key.startswith(ORIGINAL)}
    assert found.pop("name") == name
    return found


def test_what_a_rule_has_made_names_what_it_was_made_of() -> None:
    assert originals("claude-code", "user_prompt", prompt="hello") == {"attributes.beacon.prompt.text": "prompt"}
    command = originals(
        "claude-code", "tool_result", tool_input='{"command": "ls"}', tool_parameters='{"full_command": "ls -l"}'
    )
    assert command == {"attributes.gen_ai.tool.call.arguments": "tool_input"}
    command = originals("claude-code", "tool_result", tool_name="Bash", tool_input='{"command": "ls"}')
    assert command["attributes.process.command_line"] == "tool_input/command"
    cut = {"tool_input": '{"command": "ls\\u2026[90 chars]"}', "tool_parameters": '{"full_command": "ls -l"}'}
    command = originals("claude-code", "tool_result", tool_name="Bash", **cut)
    assert command["attributes.process.command_line"] == "tool_parameters/full_command"


def test_what_is_made_of_several_names_them_all() -> None:
    found = originals("gemini-cli", "api_response", input_token_count=5, tool_token_count=2)
    assert found["attributes.gen_ai.usage.input_tokens"] == "input_token_count, tool_token_count"
    assert originals("claude-code", "api_request", ttft_ms=5) == {
        "attributes.gen_ai.response.time_to_first_chunk": "ttft_ms"
    }


def test_a_placeholder_that_was_left_out_has_no_original() -> None:
    assert originals("claude-code", "user_prompt", prompt="<REDACTED>") == {}


# ---- names that no table has ----


def told(caplog: pytest.LogCaptureFixture, *events: Event, host: Host | None = None, **options: Any) -> list[str]:
    processor = started(host, **options)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        for event in events:
            processor.process(make_batch(0).with_events([event]))
    return [record.getMessage() for record in caplog.records]


def event(name: str, service: str = "claude-code") -> Event:
    (made,) = make_batch(1, name=name, body=None, attributes={"n": 1}, resource={"service.name": service})
    return made


def test_an_event_that_no_table_names_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = told(caplog, event("brand_new"), event("brand_new"), event("brand_new"))
    assert "the event brand_new of" in line


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("user_prompt", "claude-code"),
        ("codex.brand_new", "codex_exec"),
        ("gemini_cli.extension_install", "gemini-cli"),
        ("brand_new", "cline"),
        ("brand_new", "acme"),
    ],
)
def test_others_are_not_told(caplog: pytest.LogCaptureFixture, name: str, service: str) -> None:
    assert told(caplog, event(name, service)) == []


@pytest.mark.parametrize("name", ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "Bearer abc", "a" * 25, "a\nb", "correct.horse"])
def test_p2_what_may_be_no_name_is_not_told(caplog: pytest.LogCaptureFixture, name: str) -> None:
    assert told(caplog, event(name), host=Host("canonicalize", secrets=("correct.horse",))) == []


def test_only_so_many_names_are_told(caplog: pytest.LogCaptureFixture) -> None:
    letters = "abcdefghijklmnop"
    assert len(told(caplog, *(event(f"new_{one}{two}") for one in letters for two in letters))) == 100
