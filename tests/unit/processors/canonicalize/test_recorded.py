"""The recorded sessions of real agents against what is known about them (`scenarios.json`, `expect`)."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, Event, Host
from beacon_core.otlp import decode_request
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
LIST = AGENTS / "scenarios.json"
SCENARIOS: list[dict[str, Any]] = json.loads(LIST.read_bytes()) if LIST.exists() else []
GOLDEN = Path(__file__).with_name("golden")

pytestmark = pytest.mark.skipif(not SCENARIOS, reason="the recorded sessions are not there")
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["scenario"])

#: The made-up keys of the recordings stand in no other file.
PLANTED = re.compile("sk[-_](?:live|ant)[-_A-Za-z0-9]+")

#: Source event -> actions of the events that it becomes; none: left out as noise.
ACTIONS = {
    "managed_settings_resolved": set(),
    "plugin_loaded": set(),
    "user_prompt": {"prompt.submitted"},
    "api_error": {"session.error"},
    "api_retries_exhausted": {"session.error"},
    "api_request": {"token.usage"},
    "assistant_response": {"session.activity"},
    "tool_decision": {"approval.allowed", "approval.denied"},
    "tool_result": {"command.executed", "file.modified", "file.read", "tool.invoked", "tool.failed"},
    "codex.conversation_starts": {"session.started"},
    "codex.user_prompt": {"prompt.submitted"},
    "codex.tool_decision": {"approval.allowed"},
    "codex.tool_result": {"command.executed"},
    "gemini_cli.config": {"session.started"},
    "gemini_cli.user_prompt": {"prompt.submitted"},
    "gemini_cli.model_routing": {"session.status"},
    "gemini_cli.api_response": {"token.usage"},
    "gemini_cli.tool_call": {"command.executed"},
}
REQUIRED = {
    *("beacon.schema.version", "beacon.event.kind", "beacon.event.action", "beacon.event.category"),
    *("beacon.agent.name", "beacon.source"),
}


def started(**options: Any) -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig(**options))
    processor.start(Host("canonicalize"))
    return processor


SHIPPED = started()


@cache
def batches(scenario: str) -> tuple[Batch, ...]:
    """Return what a scenario's requests hold, a repeated request once."""
    found = []
    for entry in json.loads((AGENTS / scenario / "manifest.json").read_text()):
        data = (AGENTS / scenario / entry["file"]).read_bytes()
        data = gzip.decompress(data) if entry["file"].endswith(".gz") else data
        encoding: Any = "json" if entry["file"].endswith(".json") else "protobuf"
        decoded = decode_request(f"/v1/{entry['signal']}", data, encoding=encoding, received_unix_nano=1)
        if not entry.get("repeats"):
            found.append(decoded.batch)
    return tuple(found)


def normalized(scenario: dict[str, Any]) -> Iterator[Event]:
    for batch in batches(scenario["scenario"]):
        yield from SHIPPED.process(batch)


def names(batch: Batch) -> Iterator[str]:
    for event in batch:
        if event.signal == "log":
            yield str(event.attributes.get("event.name", ""))


@each_scenario
def test_every_log_record_has_the_action_of_its_kind_or_is_noise(scenario: dict[str, Any]) -> None:
    sources = Counter(name for batch in batches(scenario["scenario"]) for name in names(batch))
    expected = Counter(scenario["expect"]["events"])
    assert sources == Counter({"" if "no event" in name else name: count for name, count in expected.items()})
    made = Counter(
        (str(e.attributes.get("beacon.source.event")), e.name) for e in normalized(scenario) if e.signal == "log"
    )
    prefix = {"codex_cli": "codex.", "gemini_cli": "gemini_cli."}.get(scenario["scenario"].partition("/")[0], "")
    for source, count in expected.items():
        actions = {action: n for (name, action), n in made.items() if prefix + name == source}
        if source == "codex.sse_event":
            assert actions == {"token.usage": 2}
            continue
        allowed = ACTIONS.get(source, set())
        assert set(actions) <= allowed, source
        assert sum(actions.values()) == (count if allowed else 0), source


@each_scenario
def test_usage_is_counted_once(scenario: dict[str, Any]) -> None:
    expected = scenario["expect"].get("tokens_from_events", {"requests": 0})
    counted = [e.attributes for e in normalized(scenario) if e.attributes.get("beacon.usage.counted")]

    def total(name: str) -> Any:
        return sum(attributes.get(name, 0) for attributes in counted)  # type: ignore[misc]

    assert len(counted) == expected["requests"]
    uncached, read = total("beacon.usage.uncached_input_tokens"), total("gen_ai.usage.cache_read.input_tokens")
    created = total("gen_ai.usage.cache_creation.input_tokens")
    reasoning = total("gen_ai.usage.reasoning.output_tokens")
    assert total("gen_ai.usage.input_tokens") == uncached + read + created
    if "cost_usd_micros" in expected:
        assert (uncached, read, created) == (expected["input"], expected["cache_read"], expected["cache_creation"])
        assert total("gen_ai.usage.output_tokens") == expected["output"]
        assert round(total("beacon.usage.cost_usd") * 1e6) == expected["cost_usd_micros"]
    elif "input_including_cached" in expected:
        assert total("gen_ai.usage.input_tokens") == expected["input_including_cached"]
        assert read == expected["cached"]
        assert reasoning == expected.get("reasoning", expected.get("thoughts"))
        assert total("gen_ai.usage.output_tokens") == expected.get(
            "output_including_reasoning", expected.get("output_without_thoughts", 0) + reasoning
        )
        if "total" in expected:
            assert uncached + read + created + total("gen_ai.usage.output_tokens") == expected["total"]


@each_scenario
def test_metrics_say_the_same_and_are_not_counted(scenario: dict[str, Any]) -> None:
    expected = scenario["expect"].get("tokens_from_metrics")
    if expected is None:
        pytest.skip("no metrics of usage")
    sums: Counter[str] = Counter()
    for event in normalized(scenario):
        if event.signal == "metric" and event.metric and event.name.endswith(("token.usage", "cost.usage")):
            assert event.attributes["beacon.usage.counted"] is False
            sums[str(event.attributes.get("gen_ai.token.type", "cost_usd"))] += event.metric.value  # type: ignore[assignment]
    assert {name: pytest.approx(value) for name, value in sums.items()} == expected


@each_scenario
def test_every_event_has_what_is_required_and_a_second_pass_changes_nothing(scenario: dict[str, Any]) -> None:
    for batch in batches(scenario["scenario"]):
        once = SHIPPED.process(batch)
        assert len(once) <= len(batch)
        assert SHIPPED.process(once) is once
        for event in once:
            assert event.attributes.keys() >= REQUIRED
            assert event.attributes["beacon.agent.name"] == scenario["scenario"].partition("/")[0]
            assert event.severity_number > 0
            assert None not in event.attributes.values()


@each_scenario
def test_with_keep_noise_nothing_is_left_out(scenario: dict[str, Any]) -> None:
    processor = started(keep_noise=True)
    for batch in batches(scenario["scenario"]):
        once = processor.process(batch)
        assert [event.id for event in once] == [event.id for event in batch]
        assert processor.process(once) is once
        counted = [e for e in once if e.attributes.get("beacon.usage.counted")]
        assert all("gen_ai.usage.input_tokens" in event.attributes for event in counted)


@each_scenario
def test_values_of_the_source_are_kept_or_used(scenario: dict[str, Any]) -> None:
    """Ids and the like: what has no rule is in beacon.raw; a copy of the resource is left out."""
    kept = {event.id: event for batch in batches(scenario["scenario"]) for event in SHIPPED.process(batch)}
    for event in (event for batch in batches(scenario["scenario"]) for event in batch if event.id in kept):
        attributes = kept[event.id].attributes
        raw: Any = attributes.get("beacon.raw", {})
        for name in ("terminal.type", "message.uuid", "originator", "auth_type"):
            if name in event.attributes:
                assert raw[name] == event.attributes[name]
        assert "cicd.pipeline.name" not in attributes
        assert kept[event.id].resource is event.resource


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_golden_events(path: Path) -> None:
    """What came out was compared with the specification by hand, field by field."""
    golden = json.loads(path.read_text())
    events = {event.id: event for batch in batches(golden["scenario"]) for event in SHIPPED.process(batch)}
    for expected in golden["events"]:
        event = events[expected["id"]]
        made = {
            "id": event.id,
            "signal": event.signal,
            "name": event.name,
            "severity": [event.severity_number, event.severity_text],
            "attributes": event.attributes,
        }
        assert json.loads(PLANTED.sub("planted", json.dumps(made))) == expected
