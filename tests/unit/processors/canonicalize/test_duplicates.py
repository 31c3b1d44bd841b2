"""The same call over OTLP, on stdout and from a hook is one call (specification, sections 6.4 and 6.7)."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from beacon_core import Batch, Event, Host
from beacon_core import Counters as HostCounters
from beacon_core.lines import LineDecoder
from beacon_core.otlp import decode_request
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
SCENARIOS: list[dict[str, Any]] = json.loads((AGENTS / "scenarios.json").read_bytes()) if AGENTS.is_dir() else []
SECOND = 1_000_000_000
START = 1_795_145_112 * SECOND
#: Actions of which a call has exactly one at its end.
ENDS = {"command.executed", "file.read", "file.modified", "file.created", "mcp.tool_invoked", "tool.failed"}
KEPT = {"session.started", "session.completed"}


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Pipeline:
    """A processor, its clock, and what it has let through."""

    def __init__(self, **options: Any) -> None:
        self.clock, self.counters = Clock(), HostCounters()
        self._processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
        self._processor.start(Host("canonicalize", self.counters, clock=self.clock))
        self._number = itertools.count()
        self.kept: list[Event] = []

    def pass_on(self, event: Event) -> list[Event]:
        made = list(self._processor.process(Batch("x", (event,))))
        self.kept += made
        return made

    def tell(self, source: str, name: str, *, at: float = 0.0, agent: str = "claude-code", **attributes: Any) -> str:
        """Pass an event on; return the name it was kept with, empty if it was not."""
        made = self.pass_on(
            Event(
                id=f"e-{next(self._number)}",
                signal="log",
                name=name,
                time_unix_nano=START + int(at * SECOND),
                attributes={"beacon.source": source, "session.id": "s", **attributes},
                resource={"service.name": agent},
            )
        )
        return made[0].name if made else ""


def bash(command: str, call: str | None = None, **more: Any) -> dict[str, Any]:
    given = {"tool_name": "Bash", "tool_input": {"command": command}, "success": "true", **more}
    return given | ({"tool_use_id": call} if call else {})


# ---- recorded sessions: both sources in one pipeline ----


@cache
def over_otlp(scenario: str) -> tuple[Event, ...]:
    events: list[Event] = []
    for entry in json.loads((AGENTS / scenario / "manifest.json").read_text()):
        data = (AGENTS / scenario / entry["file"]).read_bytes()
        data = gzip.decompress(data) if entry["file"].endswith(".gz") else data
        encoding: Any = "json" if entry["file"].endswith(".json") else "protobuf"
        if not entry.get("repeats"):
            made = decode_request(f"/v1/{entry['signal']}", data, encoding=encoding, received_unix_nano=START)
            events += made.batch
    return tuple(events)


@cache
def on_stdout(scenario: str) -> tuple[Event, ...]:
    decoder = LineDecoder("auto")
    lines = (AGENTS / scenario / "stdout.jsonl").read_bytes().splitlines()
    events = [event for line in lines for event in decoder.decode(line, START)]
    return tuple(replace(event, id=f"stdout-{number}") for number, event in enumerate(events))


def interleaved(one: tuple[Event, ...], other: tuple[Event, ...]) -> Iterator[Event]:
    for pair in itertools.zip_longest(one, other):
        yield from (event for event in pair if event is not None)


ORDERS: dict[str, Any] = {
    "stdout first": lambda otlp, stdout: (*stdout, *otlp),
    "OTLP first": lambda otlp, stdout: (*otlp, *stdout),
    "in turns": lambda otlp, stdout: interleaved(stdout, otlp),
}


@pytest.mark.skipif(not SCENARIOS, reason="the recorded sessions are not there")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["scenario"])
def test_otlp_and_stdout_of_one_session_give_each_call_once(scenario: dict[str, Any], order: str) -> None:
    name = scenario["scenario"]
    pipeline = Pipeline()
    for event in ORDERS[order](over_otlp(name), on_stdout(name)):
        pipeline.pass_on(event)
    logs = [event for event in pipeline.kept if event.signal == "log"]
    by_call = Counter(
        (e.attributes.get("gen_ai.tool.call.id"), e.name) for e in logs if "gen_ai.tool.call.id" in e.attributes
    )
    assert set(by_call.values()) <= {1}
    told = scenario["expect"]["events"]
    ended = [
        e
        for e in logs
        if e.name in ENDS | {"tool.completed"} or (e.name == "tool.invoked" and "beacon.outcome" in e.attributes)
    ]
    calls = sum(count for event, count in told.items() if event.endswith(("tool_result", "tool_call")))
    assert len(ended) == calls
    approvals = [e for e in logs if e.name.startswith("approval.")]
    assert len(approvals) == sum(count for event, count in told.items() if event.endswith("tool_decision"))
    assert len([e for e in logs if e.name == "prompt.submitted"]) == sum(
        count for event, count in told.items() if event.endswith("user_prompt")
    )
    assert sum(e.attributes.get("beacon.usage.counted") is True for e in logs) == (
        scenario["expect"].get("tokens_from_events", {}).get("requests", 0)
    )


@pytest.mark.skipif(not SCENARIOS, reason="the recorded sessions are not there")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["scenario"])
def test_after_otlp_only_what_it_does_not_have_is_kept_of_stdout(scenario: dict[str, Any]) -> None:
    name = scenario["scenario"]
    pipeline = Pipeline()
    for event in (*over_otlp(name), *on_stdout(name)):
        pipeline.pass_on(event)
    kept = [event for event in pipeline.kept if event.attributes.get("beacon.source") == "stdout"]
    assert {event.name for event in kept if event.name != "session.status"} == KEPT
    retries = [event for event in kept if event.name == "session.status"]
    assert all(event.attributes["beacon.source.event"] == "stdout.api_retry" for event in retries)


# ---- rule 1: ids ----


@pytest.mark.parametrize("order", [("stdout", "otlp_log"), ("otlp_log", "stdout"), ("hook", "otlp_log")])
def test_with_ids_on_both_sides_time_does_not_matter(order: tuple[str, str]) -> None:
    pipeline = Pipeline(stdout="always")
    assert pipeline.tell(order[0], "tool_result", **bash("ls", "t1")) == "command.executed"
    pipeline.clock.now += 3600 * SECOND
    assert pipeline.tell(order[1], "tool_result", at=3600, **bash("ls", "t1")) == ""
    assert pipeline.tell(order[1], "tool_result", **bash("ls", "t2")) == "command.executed", "a real second call"
    assert pipeline.counters.reasons("duplicates", "canonicalize") == {order[1]: 1}


def test_the_same_source_tells_the_same_call_once() -> None:
    pipeline = Pipeline()
    assert pipeline.tell("otlp_log", "tool_result", **bash("ls", "t1"))
    assert pipeline.tell("otlp_log", "tool_result", **bash("ls", "t1")) == ""


def test_another_session_is_another_call() -> None:
    pipeline = Pipeline()
    for session in ("s", "t"):
        assert pipeline.tell("otlp_log", "tool_result", **bash("ls", "t1") | {"session.id": session})


def test_p1_an_event_that_is_processed_again_is_judged_again_in_the_same_way() -> None:
    pipeline = Pipeline(stdout="always")
    attributes = {"session.id": "s", "beacon.source": "otlp_log", **bash("ls", "t1")}
    event = Event(
        id="e-0",
        signal="log",
        name="tool_result",
        time_unix_nano=START,
        attributes=attributes,
        resource={"service.name": "claude-code"},
    )
    twin = replace(event, id="e-1", attributes={**attributes, "beacon.source": "stdout"})
    for _ in range(3):
        assert len(pipeline.pass_on(event)) == 1
        assert len(pipeline.pass_on(twin)) == 0
    loose = replace(event, id="e-2", attributes={**attributes, "tool_use_id": None, "beacon.source": "hook"})
    again = replace(loose, id="e-3", attributes={**loose.attributes, "beacon.source": "stdout"})
    fresh = Pipeline(stdout="always")
    for _ in range(3):
        assert len(fresh.pass_on(loose)) == 1
        assert len(fresh.pass_on(again)) == 0


def test_the_end_of_a_call_of_which_only_the_beginning_was_told_is_kept_as_such() -> None:
    pipeline = Pipeline()
    assert pipeline.tell("stdout", "stdout.tool_use", tool_name="Grep", tool_use_id="t1") == "tool.invoked"
    grep = {"tool_name": "Grep", "tool_use_id": "t1", "success": "true"}
    assert pipeline.tell("otlp_log", "tool_result", **grep) == "tool.completed"
    assert pipeline.kept[-1].attributes["beacon.event.action"] == "tool.completed"
    assert pipeline.kept[-1].attributes["beacon.event.category"] == "tool"
    assert pipeline.tell("stdout", "stdout.tool_result", **grep) == "", "of stdout nothing more is wanted by now"


# ---- rule 2: no ids on one side ----


def test_without_an_id_the_same_target_within_two_seconds_is_the_same_call() -> None:
    pipeline = Pipeline(stdout="always")
    assert pipeline.tell("stdout", "tool_result", **bash("make test"))
    pipeline.clock.now += 60 * SECOND  # the other source sends all at its end
    assert pipeline.tell("otlp_log", "tool_result", at=1.9, **bash("make test", "t1")) == ""
    assert pipeline.tell("otlp_log", "tool_result", at=1.9, **bash("make all", "t2")), "another target"
    assert pipeline.tell("otlp_log", "tool_result", at=2.1, **bash("make test", "t3")), "too late"


def test_one_event_makes_up_for_one() -> None:
    pipeline = Pipeline(stdout="always")
    for number in range(3):
        assert pipeline.tell("stdout", "tool_result", at=number / 10, **bash("make test"))
    kept = [pipeline.tell("otlp_log", "tool_result", at=n / 10, **bash("make test", f"t{n}")) for n in range(4)]
    assert kept == ["", "", "", "command.executed"]


def test_what_arrives_together_is_near_too_since_not_every_source_has_times() -> None:
    pipeline = Pipeline(stdout="always")
    assert pipeline.tell("stdout", "tool_result", at=0, **bash("make test"))
    pipeline.clock.now += SECOND
    assert pipeline.tell("otlp_log", "tool_result", at=-500, **bash("make test", "t1")) == ""


def test_another_working_directory_or_the_same_source_is_another_call() -> None:
    pipeline = Pipeline(stdout="always")
    assert pipeline.tell("stdout", "tool_result", cwd="/a", **bash("make"))
    assert pipeline.tell("hook", "tool_result", cwd="/b", **bash("make"))
    assert pipeline.tell("stdout", "tool_result", cwd="/a", **bash("make"))
    assert pipeline.tell("otlp_log", "tool_result", **bash("make", "t1")) == ""


def test_a_mask_that_the_agent_has_put_into_a_command_stands_for_anything() -> None:
    pipeline = Pipeline(stdout="always")
    codex = {"agent": "codex_exec", "process.command_line": "echo token=[REDACTED_SECRET]; ls"}
    assert pipeline.tell("stdout", "codex.stdout.item.command_execution", **codex)
    over: dict[str, Any] = {"agent": "codex_exec", "tool_name": "exec_command", "call_id": "c1", "success": "true"}
    assert pipeline.tell("otlp_log", "codex.tool_result", arguments='{"cmd": "echo token=abc; rm"}', **over)
    assert pipeline.tell("otlp_log", "codex.tool_result", arguments='{"cmd": "echo token=abc; ls"}', **over) == ""


# ---- rule 3: stdout ----


def test_stdout_always_and_never() -> None:
    always, never = Pipeline(stdout="always"), Pipeline(stdout="never")
    for pipeline, kept in ((always, "session.activity"), (never, "")):
        pipeline.tell("otlp_log", "user_prompt")
        assert pipeline.tell("stdout", "stdout.text", response="x") == kept
        assert pipeline.tell("stdout", "stdout.init") == "session.started"
    assert never.tell("stdout", "stdout.text", response="x", **{"session.id": None}) == ""


def test_stdout_auto_looks_at_each_session() -> None:
    pipeline = Pipeline()
    assert pipeline.tell("stdout", "stdout.text", response="x") == "session.activity"
    pipeline.tell("otlp_log", "user_prompt")
    assert pipeline.tell("stdout", "stdout.text", response="x") == ""
    assert pipeline.tell("stdout", "stdout.text", response="x", **{"session.id": "t"}) == "session.activity"


# ---- bounds ----


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_kept_not_lost() -> None:
    pipeline = Pipeline(stdout="always")
    grep = {"tool_name": "Grep", "success": "true"}
    assert pipeline.tell("otlp_log", "tool_result", tool_use_id="first", **grep) == "tool.invoked"
    assert pipeline.tell("stdout", "stdout.tool_result", tool_use_id="first", **grep) == ""
    for number in range(32_768):
        pipeline.tell("otlp_log", "tool_result", tool_use_id=f"t{number}", **grep)
    assert pipeline.tell("stdout", "stdout.tool_result", tool_use_id="first", **grep) == "tool.completed"
    for number in range(1100):
        pipeline.tell("otlp_log", "tool_result", **bash("y" * 2000 + str(number)) | {"session.id": f"s{number}"})
    duplicates = pipeline._processor._duplicates
    assert len(duplicates._calls) <= 32_768
    assert len(duplicates._sessions) <= 1024
    assert all(len(sight.target) <= 512 for each in duplicates._sessions.values() for sight in each._order)


def test_of_a_session_only_the_newest_targets_are_remembered() -> None:
    pipeline = Pipeline(stdout="always")
    masked = {"agent": "codex_exec", "process.command_line": "echo [REDACTED_SECRET]"}
    assert pipeline.tell("stdout", "codex.stdout.item.command_execution", **masked)
    for number in range(300):
        assert pipeline.tell("stdout", "tool_result", **bash(f"c{number}"))
    assert pipeline.tell("otlp_log", "tool_result", **bash("c299", "t1")) == ""
    assert pipeline.tell("otlp_log", "tool_result", **bash("c0", "t2")) == "command.executed"
    (session,) = pipeline._processor._duplicates._sessions.values()
    assert len(session._order) == 256
    assert len(session._ids) == sum(len(told) for each in session._by_target.values() for told in each.values()) == 256
    assert session._masked == []


def test_ids_that_are_none_do_no_harm() -> None:
    pipeline = Pipeline()
    for value in (None, 7, "", "x" * 1000, ["a"], {"a": 1}):
        attributes: dict[str, Any] = {**bash("ls"), "session.id": value, "tool_use_id": value}
        assert pipeline.tell("otlp_log", "tool_result", **attributes) == "command.executed"
