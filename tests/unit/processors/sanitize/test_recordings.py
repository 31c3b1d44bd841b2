"""Recorded sessions of real agents, with planted secrets: none of them is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core.event import Batch, Event, encode_lines
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.testing import make_event

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
pytestmark = pytest.mark.skipif(not AGENTS.is_dir(), reason="the recordings are not beside the checkout")

FILES = sorted(p for p in AGENTS.glob("*/*/*.json*") if p.name != "manifest.json" and p.suffix in {".json", ".jsonl"})
SECRETS = json.loads((AGENTS / "planted_secrets.json").read_text())["secrets"] if AGENTS.is_dir() else []


def strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value that is no key."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def events_of(path: Path) -> list[Event]:
    """Return a file's lines as events in several forms: as text, as a map, and each string by itself."""
    text = path.read_text()
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    members: list[dict[str, Any]] = []
    for line in lines:
        value = json.loads(line)
        members += [
            {"body": line},
            {"body": value},
            {"attributes": value},
            {"resource": value},
            {"body": json.dumps(line)},
        ]
        members += [{"attributes": {f"a{n}": string for n, string in enumerate(strings(value))}}]
        members += [{"body": string, "name": string} for string in strings(value)]
    return [make_event(number, **each) for number, each in enumerate(members)]


def test_there_are_recordings_and_secrets() -> None:
    assert len(FILES) > 30
    assert len(SECRETS) > 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_p2_no_planted_value_of_a_recording_is_left(path: Path) -> None:
    config = {"max_string_length": 10_000_000, "max_event_bytes": 100_000_000, "max_depth": 6}
    processor = SanitizeProcessor(SanitizeConfig.model_validate(config))
    batch = Batch("b", tuple(events_of(path)))
    result = processor.process(batch)
    lines = encode_lines(result)
    assert [secret["id"] for secret in SECRETS if secret["value"].encode() in lines] == []
    assert processor.process(result) is result


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_p2_no_planted_value_is_left_with_the_default_limits(path: Path) -> None:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"max_event_bytes": 100_000_000}))
    result = processor.process(Batch("b", tuple(events_of(path))))
    lines = encode_lines(result)
    assert [secret["id"] for secret in SECRETS if secret["value"].encode() in lines] == []
    assert processor.process(result) is result


def test_a_recording_without_secrets_keeps_its_numbers_and_ids() -> None:
    path = AGENTS / "claude_code" / "plain_json" / "01_logs.json"
    value = json.loads(path.read_text())
    result = SanitizeProcessor(SanitizeConfig()).process(Batch("b", (make_event(attributes=value),)))
    assert result.events[0].attributes == value
