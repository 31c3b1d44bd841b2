"""Every event of a known agent that leaves `canonicalize` validates against the JSON Schema of the normalized event."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from beacon_core import Batch, Component, Event, Host, Metric, Processor, Span, encode_lines
from beacon_core.lines import LineDecoder
from beacon_core.otlp import decode_request
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor, load_schema
from beacon_core.processors.canonicalize.shipped import shipped
from beacon_core.processors.fingerprint import FingerprintConfig, FingerprintProcessor
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor

ROOT = Path(__file__).parents[4]
AGENTS = ROOT.parent / "shared" / "fixtures" / "agents"
SCENARIOS = sorted(path.parent for path in AGENTS.glob("*/*/manifest.json"))
KNOWN = ("claude-code", "codex_exec", "gemini-cli", "copilot", "cline")
WORDS = (
    *("Bash", "Edit", "mcp__a__b", "apply_patch", "run_shell_command", "", "5", "-1", "1e5", "true", "reject", "chat"),
    *('{"command": "ls"}', '{"file_path": "/a"}', "not json", "9" * 30, "success", "WARN", "m[1m]", "<REDACTED>"),
)
EVENTS = (
    *("user_prompt", "tool_result", "tool_decision", "api_request", "api_error", "compaction", "brand_new"),
    *("codex.tool_result", "codex.sse_event", "codex.user_prompt", "gemini_cli.tool_call", "gemini_cli.api_response"),
    *("stdout.init", "stdout.result", "stdout.tool_use", "stdout.tool_result", "stdout.api_retry", "stdout.line"),
    *("codex.stdout.item.command_execution", "codex.stdout.turn.completed", "gemini_cli.stdout.result"),
    *("hook.SessionStart", "hook.PostToolUse", "hook.PermissionRequest", "agent.process.timeout"),
    *("gen_ai.client.token.usage", "claude_code.cost.usage", "chat", "execute_tool"),
)
NAMES = (  # an event that calls itself something else is not of a known agent
    *(name for name in load_schema().names if name != "beacon.agent.name"),
    "tool_name",
    "tool_input",
    "success",
    "input_tokens",
    "output_tokens",
    "duration_ms",
)
SAMPLE = Event(
    id="x-0",
    signal="log",
    name="",
    time_unix_nano=1,
    attributes={"event.name": "tool_result", "tool_name": "Bash", "success": "true", "duration_ms": "5"},
    resource={"service.name": "claude-code"},
)


@cache
def validator() -> Draft202012Validator:
    schema = json.loads((ROOT / "docs" / "reference" / "event-schema.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def problems(event: Event) -> list[str]:
    """Return what is wrong with an event, as a line of the file exporter says it."""
    found = validator().iter_errors(json.loads(encode_lines([event])))
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


def started(*components: Component) -> list[Any]:
    for component in components:
        component.start(Host(type(component).__name__))
    return list(components)


CANONICALIZE: CanonicalizeProcessor
(CANONICALIZE,) = started(CanonicalizeProcessor(CanonicalizeConfig()))


def made(event: Event) -> tuple[Event, ...]:
    return CANONICALIZE.process(Batch("x", (event,))).events


def recorded(folder: Path) -> Iterator[Batch]:
    for entry in json.loads((folder / "manifest.json").read_text()):
        data = (folder / entry["file"]).read_bytes()
        data = gzip.decompress(data) if entry["file"].endswith(".gz") else data
        encoding: Any = "json" if entry["file"].endswith(".json") else "protobuf"
        yield decode_request(f"/v1/{entry['signal']}", data, encoding=encoding, received_unix_nano=1).batch
    decoder = LineDecoder("auto")
    for number, line in enumerate((folder / "stdout.jsonl").read_bytes().splitlines()):
        events = decoder.decode(line, 1)
        yield Batch(f"stdout-{number}", tuple(replace(each, id=f"{number}-{n}") for n, each in enumerate(events)))


@pytest.mark.skipif(not SCENARIOS, reason="the recorded sessions are not there")
@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_every_event_of_a_recorded_session_validates_also_when_it_is_sanitized(folder: Path) -> None:
    processors: list[Processor] = started(
        FingerprintProcessor(FingerprintConfig()),
        CanonicalizeProcessor(CanonicalizeConfig(stdout="always")),
        SanitizeProcessor(SanitizeConfig()),
    )
    wrong, count = [], 0
    for batch in recorded(folder):
        done = batch
        for processor in processors:
            done = processor.process(done)
        for event in done:
            wrong += problems(event)
            count += 1
            assert {"os.type", "telemetry.distro.name", "telemetry.distro.version"} <= event.resource.keys()
    assert wrong == []
    assert count > 0


def test_whatever_an_agent_sends_the_event_validates() -> None:
    values = (
        st.sampled_from(WORDS)
        | st.integers(-(2**63), 2**63)
        | st.floats()
        | st.booleans()
        | st.none()
        | st.lists(st.sampled_from(WORDS), max_size=2)
        | st.dictionaries(st.sampled_from(("command", "a")), st.sampled_from(WORDS), max_size=2)
    )

    @settings(max_examples=400, deadline=None)
    @given(
        st.dictionaries(st.sampled_from(NAMES), values, max_size=12),
        st.sampled_from(EVENTS),
        st.sampled_from(KNOWN),
        st.sampled_from(["log", "metric", "span"]),
    )
    def check(attributes: dict[str, Any], name: str, agent: str, signal: Any) -> None:
        event = Event(
            id="x-0",
            signal=signal,
            name=name,
            time_unix_nano=1,
            attributes=attributes,
            resource={"service.name": agent},
            metric=Metric(kind="sum", value=1) if signal == "metric" else None,
            span=Span(status_code="error") if signal == "span" else None,
        )
        for result in made(event):
            assert problems(result) == []

    check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beacon.outcome", "fine"),
        ("beacon.duration_ms", "5"),
        ("beacon.usage.counted", "true"),
        ("gen_ai.usage.input_tokens", 1.5),
        ("beacon.schema.version", "2.0"),
        ("beacon.agent.name", None),
    ],
)
def test_the_schema_refuses_what_is_wrong(name: str, value: Any) -> None:
    (event,) = made(SAMPLE)
    assert problems(event) == []
    attributes = {key: kept for key, kept in {**event.attributes, name: value}.items() if kept is not None}
    assert len(problems(msgspec.structs.replace(event, attributes=attributes))) == 1


def test_the_schema_refuses_a_log_event_without_an_action_for_a_name_and_a_metric_without_its_data() -> None:
    (event,) = made(SAMPLE)
    assert len(problems(msgspec.structs.replace(event, name=""))) == 1
    assert len(problems(msgspec.structs.replace(event, signal="metric"))) == 1
    assert len(problems(msgspec.structs.replace(event, span=Span()))) == 1


def test_an_event_that_only_says_that_it_is_normalized_is_normalized() -> None:
    for claimed in ({}, {"beacon.duration_ms": "5"}, {"beacon.event.action": 7}):
        (event,) = made(msgspec.structs.replace(SAMPLE, attributes={"beacon.schema.version": "1.0", **claimed}))
        assert problems(event) == []
    (newer,) = made(
        msgspec.structs.replace(
            SAMPLE,
            attributes={
                **dict.fromkeys(("beacon.event.kind", "beacon.event.action", "beacon.event.category"), "x"),
                "beacon.agent.name": "claude_code",
                "beacon.source": "y",
                "beacon.schema.version": "2.0",
            },
        )
    )
    assert newer.attributes["beacon.schema.version"] == "2.0"


def test_shipped_tables_know_no_action_that_the_schema_does_not_name() -> None:
    rules = [rule for pack in shipped().packs.values() for rule in pack.rules]
    used = {rule.action for rule in rules if rule.action}
    used |= set(load_schema().actions.values())
    assert used - set(load_schema().action_names) == set()
