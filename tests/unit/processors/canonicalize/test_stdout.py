"""What agents print on stdout, as recorded and beyond, becomes normalized events."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from beacon_core import Batch, Event, Host
from beacon_core.lines import LineDecoder
from beacon_core.lines.decoder import LineFormat
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
GOLDEN = Path(__file__).parent / "golden" / "stdout"
FORMATS: dict[str, LineFormat] = {
    "claude_code": "claude_stream_json",
    "codex_cli": "codex_json",
    "gemini_cli": "gemini_stream_json",
}
RECEIVED = 1_795_145_112_904_000_000
RECORDED = AGENTS.is_dir()
SCENARIOS: list[dict[str, Any]] = json.loads((AGENTS / "scenarios.json").read_bytes()) if RECORDED else []

needs_recordings = pytest.mark.skipif(not RECORDED, reason="the recorded sessions are not there")
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["scenario"])


def normalized(lines: list[bytes], line_format: LineFormat = "auto", **options: Any) -> list[Event]:
    """Return the events of lines, numbered from x-0; a second pass changes nothing."""
    decoder = LineDecoder(line_format)
    events = [event for line in lines for event in decoder.decode(line, RECEIVED)]
    events = [replace(event, id=f"x-{number}") for number, event in enumerate(events)]
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(Host("canonicalize"))
    batch = processor.process(Batch("x", tuple(events)))
    assert processor.process(batch) is batch
    return list(batch)


@cache
def recorded(scenario: str) -> tuple[Event, ...]:
    return tuple(normalized((AGENTS / scenario / "stdout.jsonl").read_bytes().splitlines()))


@cache
def planted() -> list[tuple[str, str]]:
    """Return the made-up secrets, which stand in no other file, the longest first."""
    listed = json.loads((AGENTS / "planted_secrets.json").read_bytes())
    entries = listed if isinstance(listed, list) else listed.get("secrets", listed.get("values"))
    return sorted(((each["value"], each["id"]) for each in entries), key=lambda pair: -len(pair[0]))


def as_lines(events: tuple[Event, ...]) -> str:
    """Return what the goldens hold of events, without the planted secrets."""
    lines = []
    for event in events:
        made = {"name": event.name, "severity": event.severity_text, "time": event.time_unix_nano}
        attributes = {key: value for key, value in event.attributes.items() if key != "beacon.agent.version"}
        lines.append(json.dumps({**made, "attributes": attributes, "resource": event.resource}, ensure_ascii=False))
    text = "\n".join(lines) + "\n"
    for value, name in planted():
        text = text.replace(value, f"<{name}>").replace(json.dumps(value)[1:-1], f"<{name}>")
    return text


@needs_recordings
@each_scenario
def test_every_recorded_stdout_becomes_the_golden_events(scenario: dict[str, Any]) -> None:
    """The goldens were compared with section 6.4 of the specification by hand. WRITE_GOLDENS=1 writes them anew."""
    path = GOLDEN / f"{scenario['scenario'].replace('/', '.')}.jsonl"
    made = as_lines(recorded(scenario["scenario"]))
    if os.environ.get("WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


@needs_recordings
@each_scenario
def test_the_format_is_recognized_and_says_the_same_when_it_is_named(scenario: dict[str, Any]) -> None:
    lines = (AGENTS / scenario["scenario"] / "stdout.jsonl").read_bytes().splitlines()
    named = normalized(lines, FORMATS[scenario["scenario"].partition("/")[0]])
    assert as_lines(tuple(named)) == as_lines(recorded(scenario["scenario"]))


@needs_recordings
@each_scenario
def test_the_result_lines_add_up_to_what_the_session_has_used_and_are_not_counted(scenario: dict[str, Any]) -> None:
    ends = [event.attributes for event in recorded(scenario["scenario"]) if event.name == "session.completed"]
    assert all(attributes["beacon.usage.counted"] is False for attributes in ends)
    expected = scenario["expect"].get("tokens_from_events")
    if expected is None:
        return

    def total(name: str) -> Any:
        return sum(attributes.get(name, 0) for attributes in ends)  # type: ignore[misc]

    if "cost_usd_micros" in expected:
        assert total("beacon.usage.uncached_input_tokens") == expected["input"]
        assert total("gen_ai.usage.output_tokens") == expected["output"]
        assert total("gen_ai.usage.cache_read.input_tokens") == expected["cache_read"]
        assert total("gen_ai.usage.cache_creation.input_tokens") == expected["cache_creation"]
        assert round(total("beacon.usage.cost_usd") * 1e6) == expected["cost_usd_micros"]
    else:
        assert total("gen_ai.usage.input_tokens") == expected["input_including_cached"]
        assert total("gen_ai.usage.cache_read.input_tokens") == expected["cached"]
        assert total("gen_ai.usage.reasoning.output_tokens") == expected.get("reasoning", expected.get("thoughts"))


# ---- how a session ends: the table in section 2.8 ----


def result(**members: Any) -> bytes:
    line = {"type": "result", "subtype": "success", "is_error": False, "session_id": "s", "uuid": "u"}
    return json.dumps(line | members).encode()


@pytest.mark.parametrize(
    ("members", "outcome", "error"),
    [
        ({"terminal_reason": "completed"}, "success", None),
        ({"is_error": True, "terminal_reason": "api_error", "api_error_status": 529}, "failure", "api_error"),
        ({"is_error": True, "terminal_reason": "api_error", "api_error_type": "overloaded"}, "failure", "overloaded"),
        ({"is_error": True, "api_error": "connection_failed"}, "failure", "connection_failed"),
        ({"is_error": True, "api_error": "max_output_tokens"}, "failure", "max_output_tokens"),
        (
            {"is_error": True, "subtype": "error_max_turns", "terminal_reason": "max_turns", "errors": ["enough"]},
            *("failure", "max_turns"),
        ),
        (
            {"is_error": True, "subtype": "error_during_execution", "terminal_reason": "aborted_streaming"},
            *("cancelled", "aborted_streaming"),
        ),
        ({"is_error": True, "subtype": "error_during_execution"}, "failure", "error_during_execution"),
    ],
)
def test_the_result_line_decides_how_a_session_ended(members: dict[str, Any], outcome: str, error: str | None) -> None:
    (event,) = normalized([result(**members)])
    assert event.name == "session.completed"
    assert event.attributes["beacon.outcome"] == outcome
    assert event.attributes.get("error.type") == error
    assert event.severity_text == ("ERROR" if outcome == "failure" else "INFO")
    if "errors" in members:
        assert event.attributes["error.message"] == "enough"


@pytest.mark.parametrize(
    ("ending", "outcome"), [("completed", "success"), ("failed", "failure"), ("timeout", "timeout"), ("cancelled",) * 2]
)
def test_the_end_of_the_process_decides_where_the_agent_did_not_say_it(ending: str, outcome: str) -> None:
    attributes: Any = {"beacon.outcome": outcome, "process.exit.code": 1, "beacon.source": "stdout", "session.id": "s"}
    for service in ("claude-code", "codex_exec", "gemini-cli"):
        event = Event(
            id="x-0",
            signal="log",
            name=f"agent.process.{ending}",
            time_unix_nano=1,
            attributes=attributes,
            resource={"service.name": service},
        )
        processor = CanonicalizeProcessor(CanonicalizeConfig())
        processor.start(Host("canonicalize"))
        (made,) = processor.process(Batch("x", (event,)))
        assert made.name == "session.completed"
        assert made.attributes["beacon.outcome"] == outcome
        assert made.attributes["beacon.source.event"] == f"agent.process.{ending}"


def test_a_process_that_is_no_agent_keeps_the_names_of_its_events() -> None:
    event = Event(id="x-0", signal="log", name="agent.process.failed", time_unix_nano=1, attributes={"a": 1})
    processor = CanonicalizeProcessor(CanonicalizeConfig())
    processor.start(Host("canonicalize"))
    batch = Batch("x", (event,))
    assert processor.process(batch) is batch


# ---- lines that are not in the recordings ----


@pytest.mark.parametrize(
    ("line", "name", "attributes"),
    [
        (b"Warning: no stdin data", "session.activity", {}),
        (b'{"type":"stream_event","session_id":"s","uuid":"u","event":{"type":"ping"}}', None, {}),
        (b'{"type":"system","subtype":"status","session_id":"s","uuid":"u"}', None, {}),
        (
            b'{"type":"system","subtype":"api_retry","attempt":3,"error_status":null,"error":"server_error"}',
            *("session.status", {"beacon.attempt": 3, "error.type": "server_error"}),
        ),
        (
            b'{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"hm"}]}}',
            *("agent.reasoning", {"beacon.response.length": 2, "beacon.response.text": "hm"}),
        ),
        (b'{"type":"system","subtype":"brand_new","x":[1]}', "session.activity", {"beacon.raw": {"x_count": 1}}),
        (b'{"type":"brand new!"}', "session.activity", {"beacon.source.event": "stdout.unknown"}),
    ],
)
def test_other_lines_of_claude_code(line: bytes, name: str | None, attributes: dict[str, Any]) -> None:
    made = normalized([line], "claude_stream_json")
    assert [event.name for event in made] == ([name] if name else [])
    if made:
        assert made[0].attributes.items() >= attributes.items()


def codex(**item: Any) -> list[Event]:
    line = {"type": "item.completed", "item": {"id": "item_1", "status": "completed", **item}}
    return normalized([b'{"type":"thread.started","thread_id":"t"}', json.dumps(line).encode()])[1:]


def test_other_items_of_codex() -> None:
    changes = [{"path": "/w/a.py", "kind": "add"}, {"path": "/w/b.py", "kind": "delete"}]
    made = codex(type="file_change", changes=changes)
    assert [event.name for event in made] == ["file.modified"] * 2
    assert [event.attributes["file.path"] for event in made] == ["/w/a.py", "/w/b.py"]
    assert [event.attributes["beacon.file.operation"] for event in made] == ["create", "delete"]
    (event,) = codex(type="mcp_tool_call", server="docs", tool="find", arguments={"q": "x"})
    assert event.name == "mcp.tool_invoked"
    assert event.attributes["beacon.mcp.server.name"] == "docs"
    assert event.attributes["gen_ai.tool.call.arguments"] == '{"q":"x"}'
    (event,) = codex(type="mcp_tool_call", server="docs", tool="find", status="failed", error={"message": "no"})
    assert (event.name, event.attributes["error.message"]) == ("tool.failed", "no")
    (event,) = codex(type="reasoning", text="hm")
    assert event.name == "agent.reasoning"
    (event,) = codex(type="command_execution", command="false", exit_code=1, status="failed")
    assert (event.name, event.attributes["beacon.outcome"]) == ("command.executed", "failure")
    (event,) = normalized([b'{"type":"turn.failed","error":{"message":"401"}}'], "codex_json")
    assert (event.name, event.attributes["error.message"]) == ("session.error", "401")


def test_other_lines_of_gemini() -> None:
    use = b'{"type":"tool_use","tool_name":"read_file","tool_id":"r-1","parameters":{"absolute_path":"/w/a"}}'
    failed = b'{"type":"tool_result","tool_id":"r-1","status":"error","error":{"type":"not_found","message":"no file"}}'
    _, event = normalized([use, failed], "gemini_stream_json")
    assert event.name == "tool.failed"
    assert event.attributes["error.type"] == "not_found"
    assert event.attributes["file.path"] == "/w/a"
    warning, error, end = normalized(
        [
            b'{"type":"error","severity":"warning","message":"slow"}',
            b'{"type":"error","severity":"error","message":"broken"}',
            b'{"type":"result","status":"error","error":{"type":"Fatal","message":"broken"},"stats":{}}',
        ],
        "gemini_stream_json",
    )
    assert (warning.name, error.name, end.name) == ("session.status", "session.error", "session.completed")
    assert end.attributes["beacon.outcome"] == "failure"
    assert end.attributes["error.type"] == "Fatal"
