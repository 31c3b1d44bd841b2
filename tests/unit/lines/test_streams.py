"""Streams of agents: what one line needs of others, and lines that nobody should have written."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core import Event, InvalidDataError, encode_batch, encode_lines
from beacon_core.event import Batch
from beacon_core.lines import CutLine, LineDecoder
from beacon_core.lines.streams import STREAMS, resumes
from beacon_core.testing import make_event
from tests.fuzz.mutations import JSON, mutate

AGENTS = Path(__file__).parents[3].parent / "shared" / "fixtures" / "agents"

RECEIVED = 1_795_145_112_904_000_000


def decoded(*lines: dict[str, Any] | bytes, line_format: Any = "claude_stream_json", **stream: Any) -> list[Event]:
    decoder = LineDecoder(line_format)
    for name, value in stream.items():
        setattr(decoder.stream, name, value)
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return [event for line in encoded for event in decoder.decode(line, RECEIVED)]


def use(call_id: str, tool: str, **given_: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": call_id, "name": tool, "input": given_}
    return {"type": "assistant", "session_id": "s", "uuid": "u", "message": {"content": [block]}}


def answer(call_id: str, content: Any = "ok", **more: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}
    return {"type": "user", "session_id": "s", "uuid": "u", "message": {"content": [block]}}


def result(**members: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, "session_id": "s", "uuid": "u", **members}


def usage(tokens: int, cost: float) -> dict[str, Any]:
    return {"model-a": {"inputTokens": tokens, "outputTokens": 1, "costUSD": cost}}


# ---- blocks and calls ----


def test_a_line_becomes_an_event_for_each_block_and_keeps_its_time() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "1", "name": "Bash"}, {"type": "image"}]
    line = {"type": "assistant", "session_id": "s", "timestamp": "2026-11-20T03:25:28.286Z"}
    events = decoded({**line, "message": {"content": blocks, "model": "m"}})
    assert [event.name.rpartition(".")[2] for event in events] == ["text", "tool_use", "image"]
    assert {event.time_unix_nano for event in events} == {1_795_145_128_286_000_000}
    assert {event.observed_time_unix_nano for event in events} == {RECEIVED}
    assert {event.attributes["model"] for event in events} == {"m"}


def test_a_result_finds_its_call_by_id_once() -> None:
    lines = [use("1", "Bash", command="a"), use("2", "Read", file_path="/b"), answer("2"), answer("1"), answer("1")]
    results = [event.attributes for event in decoded(*lines) if event.name.endswith("tool_result")]
    assert [attributes.get("tool_name") for attributes in results] == ["Read", "Bash", None]
    assert results[1]["tool_input"] == {"command": "a"}


def test_open_calls_are_remembered_in_bounded_memory() -> None:
    many = [use(str(n), "Bash", command=f"c{n}") for n in range(300)]
    large = use("large", "Write", file_path="/f", content="x" * 1_000_000)
    events = decoded(*many, large, answer("0"), answer("299"), answer("large"))
    first, last, written = (event.attributes for event in events[-3:])
    assert "tool_name" not in first, "the oldest ones are forgotten"
    assert last["tool_input"] == {"command": "c299"}
    assert written["tool_input"] == {"file_path": "/f"}, "what is long is not kept"


@pytest.mark.parametrize(
    "content", ["Exit code 3\nno", [{"type": "text", "text": "Exit code 3\nno"}, {"type": "image"}]]
)
def test_an_exit_code_stands_at_the_beginning_of_a_failure(content: Any) -> None:
    attributes = decoded(answer("1", content, is_error=True))[0].attributes
    assert (attributes["exit_code"], attributes["success"]) == (3, "false")
    assert "exit_code" not in decoded(answer("1", "it says Exit code 3", is_error=True))[0].attributes
    assert "exit_code" not in decoded(answer("1", "Exit code 3"))[0].attributes


# ---- usage: the traps of section 2.8 ----


def used(*lines: dict[str, Any], **stream: Any) -> list[tuple[Any, Any]]:
    return [(e.attributes.get("input_tokens"), e.attributes.get("cost_usd")) for e in decoded(*lines, **stream)]


def test_several_result_lines_each_have_what_was_used_since_the_last() -> None:
    lines = [
        result(result_index=0, modelUsage=usage(10, 0.5), model_usage_since_last_result=usage(10, 0.5)),
        result(result_index=1, modelUsage=usage(14, 0.7), model_usage_since_last_result=usage(4, 0.2)),
    ]
    assert used(*lines) == [(10, 0.5), (4, 0.2)]


def test_older_clients_say_what_the_whole_session_has_used() -> None:
    lines = [result(modelUsage=usage(10, 0.5)), result(modelUsage=usage(14, 0.75)), result()]
    assert used(*lines) == [(10, 0.5), (4, 0.25), (None, None)]


def test_a_resumed_session_of_an_older_client_has_used_what_usage_says_and_no_cost_is_known() -> None:
    first = result(modelUsage=usage(110, 5.5), usage={"input_tokens": 10, "output_tokens": 2})
    assert used(first, result(modelUsage=usage(114, 5.75)), resumed=True) == [(10, None), (4, 0.25)]
    since = result(modelUsage=usage(110, 5.5), model_usage_since_last_result=usage(10, 0.5))
    assert used(since, resumed=True) == [(10, 0.5)]


@pytest.mark.parametrize("flag", ["--resume", "-r", "--continue", "-c", "--resume=abc"])
def test_flags_of_runs_that_go_on_with_a_session(flag: str) -> None:
    assert resumes(["claude", "-p", "x", flag])
    assert not resumes(["claude", "-p", "resume", "--verbose"])


# ---- recognizing ----


def test_an_agent_is_recognized_though_others_print_before_it() -> None:
    lines = [b'{"type": "install", "message": "x"}', b'{"message": "y"}', use("1", "Bash")]
    assert [event.name for event in decoded(*lines, line_format="auto")] == ["", "", "claude_code.stdout.tool_use"]


def test_an_agent_is_not_looked_for_for_ever() -> None:
    lines = [b'{"type": "x"}'] * 100 + [use("1", "Bash")]
    assert decoded(*lines, line_format="auto")[-1].name == ""


def test_other_objects_with_a_type_are_no_agents() -> None:
    for line in (
        {"type": "result"},
        {"type": "init", "session_id": "s"},
        {"type": "system", "session_id": 7, "uuid": ""},
    ):
        assert decoded(line, line_format="auto")[0].name == ""


def test_other_lines_between_those_of_an_agent_are_what_they_are() -> None:
    own = encode_lines([make_event(1)]).strip()
    otlp = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"b"}}]}]}]}'
    damaged = b'{"resourceLogs":7}'
    events = decoded(use("1", "Bash"), own, otlp, damaged, use("2", "Bash"), line_format="auto")
    assert events[1] == make_event(1)
    assert events[2].body == "b"
    assert [event.name for event in events[3:]] == ["claude_code.stdout.line", "claude_code.stdout.tool_use"]


def test_before_an_agent_is_recognized_a_line_that_is_no_json_is_refused_and_after_that_it_is_text() -> None:
    decoder = LineDecoder("auto")
    with pytest.raises(InvalidDataError):
        decoder.decode(b"Loading", RECEIVED)
    decoder.decode(json.dumps(use("1", "Bash")).encode(), RECEIVED)
    (event,) = decoder.decode(b"Loading", RECEIVED)
    assert (event.name, event.body, event.attributes["session.id"]) == ("claude_code.stdout.line", "Loading", "s")


def test_a4_a_cut_line_is_text_and_marked_even_if_what_is_left_is_json() -> None:
    decoder = LineDecoder("claude_stream_json")
    (event,) = decoder.decode(CutLine(b'{"type":"result"}'), RECEIVED)
    assert event.attributes["beacon.truncated"] is True
    assert event.body == '{"type":"result"}'
    lenient = LineDecoder("json", lenient=True)
    assert lenient.decode(CutLine(b"{}"), RECEIVED)[0].attributes["beacon.truncated"] is True


def test_an_agent_cannot_say_that_its_line_came_from_elsewhere() -> None:
    (event,) = decoded({"type": "x", "session_id": "s", "beacon.source": "otlp_log", "session.id": "t"})
    assert event.attributes["beacon.source"] == "stdout"
    assert event.attributes["session.id"] == "s"


# ---- lines that nobody should have written ----

_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_WORDS = [
    *(
        "type",
        "subtype",
        "session_id",
        "message",
        "content",
        "tool_use_result",
        "tool_result_meta",
        "id",
        "input",
        "text",
    ),
    *("tool_use_id", "name", "usage", "modelUsage", "model_usage_since_last_result", "item", "changes", "thread_id"),
    *(
        "stats",
        "status",
        "error",
        "parameters",
        "tool_id",
        "permission_denials",
        "errors",
        "timestamp",
        "role",
        "result",
    ),
]
_TYPES = [
    *("system", "assistant", "user", "result", "stream_event", "tool_use", "tool_result", "text", "thinking", "init"),
    *("item.completed", "turn.completed", "turn.failed", "thread.started", "message", "error", "file_change"),
    *("command_execution", "mcp_tool_call", "permission_denied", "api_retry"),
]
_LIKELY: Any = st.recursive(
    _VALUES | st.sampled_from(_TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=6),
    max_leaves=20,
)


@pytest.mark.parametrize("line_format", STREAMS)
@settings(deadline=None, max_examples=150)
@given(lines=st.lists(st.dictionaries(st.sampled_from(_WORDS), _LIKELY, max_size=8), max_size=4))
def test_any_objects_become_events_that_can_be_stored(line_format: str, lines: list[dict[str, Any]]) -> None:
    events = decoded(*lines, line_format=line_format)
    encode_batch(Batch("x", tuple(events)))
    for event in events:
        assert event.name.startswith(STREAMS[line_format].prefix + "stdout.")
        assert event.time_unix_nano > 0
        assert None not in event.attributes.values()


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"null", b'{"a":' * 200, b"\xff", b'{"type":"assistant","message":[1]}', b"{" * 9999]
)
def test_no_line_ends_the_reading(line: bytes) -> None:
    for line_format in STREAMS:
        decoded(line, line_format=line_format)


@pytest.mark.skipif(not AGENTS.is_dir(), reason="the recorded sessions are not there")
def test_damaged_lines_of_recorded_sessions_become_events_that_can_be_stored() -> None:
    lines = [line for path in sorted(AGENTS.glob("*/*/stdout.jsonl")) for line in path.read_bytes().splitlines()]
    chance = random.Random(20261120)
    for line_format in STREAMS:
        decoder = LineDecoder(line_format)  # type: ignore[arg-type]
        for _ in range(700):
            damaged = mutate(chance, chance.choice(lines), JSON)
            for line in damaged.split(b"\n"):
                encode_batch(Batch("x", tuple(decoder.decode(line, RECEIVED))))


def test_a_deeply_nested_line_is_text() -> None:
    depth = sys.getrecursionlimit() * 10
    (event,) = decoded(b'{"type":' + b"[" * depth + b"]" * depth + b"}")
    assert event.name == "claude_code.stdout.line"
