from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, Event, Host, Scope
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
RECORDED = sorted((AGENTS / "claude_code").glob("*/*_logs.json"))

pytestmark = pytest.mark.skipif(not RECORDED, reason="the recorded sessions are not there")

ACTIONS = {
    "managed_settings_resolved": "session.activity",
    "plugin_loaded": "session.activity",
    "user_prompt": "prompt.submitted",
    "api_error": "session.error",
    "api_retries_exhausted": "session.error",
    "api_request": "token.usage",
    "assistant_response": "session.activity",
    "tool_decision": "",  # depends on the decision: not by a table of names
    "tool_result": "",  # depends on the tool
}


def value(of: dict[str, Any]) -> Any:
    ((kind, content),) = of.items()
    if kind == "arrayValue":
        return [value(item) for item in content.get("values", [])]
    return int(content) if kind == "intValue" else content


def attributes(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: value(pair["value"]) for pair in pairs}


def events(path: Path) -> Iterator[Event]:
    for resource_logs in json.loads(path.read_bytes())["resourceLogs"]:
        resource = attributes(resource_logs["resource"]["attributes"])
        for scope_logs in resource_logs["scopeLogs"]:
            scope = Scope(name=scope_logs["scope"]["name"])
            for number, record in enumerate(scope_logs["logRecords"]):
                yield Event(
                    id=f"recorded-{number}",
                    signal="log",
                    name="",
                    time_unix_nano=int(record["timeUnixNano"]),
                    body=value(record["body"]),
                    attributes=attributes(record["attributes"]),
                    resource=resource,
                    scope=scope,
                )


@pytest.fixture(scope="module")
def processor() -> CanonicalizeProcessor:
    started = CanonicalizeProcessor(CanonicalizeConfig())
    started.start(Host("canonicalize"))
    return started


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_recorded_session_gets_canonical_names(processor: CanonicalizeProcessor, path: Path) -> None:
    batch = Batch("recorded", tuple(events(path)))
    result = processor.process(batch)
    for before, after in zip(batch, result, strict=True):
        source = str(before.attributes["event.name"])
        assert after.name == ACTIONS[source]
        assert after.attributes.get("beacon.event.action", "") == ACTIONS[source]
        assert after.attributes["beacon.source.event"] == source
        assert after.attributes["beacon.agent.name"] == "claude_code"
        assert after.body == before.body
        assert after.attributes["session.id"] == before.attributes["session.id"]
    assert processor.process(result) is result


def test_no_value_of_a_recording_is_lost(processor: CanonicalizeProcessor) -> None:
    for path in RECORDED:
        for before in events(path):
            (after,) = processor.process(Batch("recorded", (before,)))
            added = {"beacon.agent.name", "beacon.event.action"}
            assert len(after.attributes.keys() - added) == len(before.attributes)


def test_a_recorded_tool_call_has_its_fields(processor: CanonicalizeProcessor) -> None:
    batch = Batch("recorded", tuple(e for path in RECORDED for e in events(path) if "tool_bash" in path.parent.name))
    (result,) = (e for e in processor.process(batch) if e.attributes["beacon.source.event"] == "tool_result")
    (usage, *_) = (e for e in processor.process(batch) if e.name == "token.usage")
    expected = {"gen_ai.tool.name": "Bash", "beacon.outcome": "success"}
    assert result.attributes.items() >= expected.items()
    assert str(result.attributes["gen_ai.tool.call.id"]).startswith("toolu_")
    assert isinstance(result.attributes["beacon.duration_ms"], int)
    assert isinstance(result.attributes["beacon.tool.input.bytes"], int)
    assert isinstance(usage.attributes["beacon.usage.cost_usd"], float)
    assert {"gen_ai.request.model", "gen_ai.usage.output_tokens"} <= usage.attributes.keys()
