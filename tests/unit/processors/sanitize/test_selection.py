"""Which attributes pass at all: allow-list and content levels."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from beacon_core.component import Host
from beacon_core.event import Batch, Event, Exemplar, Metric, Scope, Span, SpanEvent, SpanLink, encode_lines
from beacon_core.otlp import decode_request
from beacon_core.processors.canonicalize import CanonicalizeProcessor
from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.processors.sanitize.selection import Selection, metadata
from beacon_core.testing import make_event

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
LONG = "word " * 2000

#: Names of the normalized event under which a text is content.
CONTENT = {
    *("beacon.prompt.text", "beacon.response.text", "beacon.raw", "error.message", "beacon.approval.reason"),
    *("beacon.policy.reason", "process.command_line", "process.executable.path", "process.working_directory"),
    *("beacon.agent.config_path", "file.path", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    "mcp.resource.uri",
}


def passed(options: dict[str, Any], **members: Any) -> Event:
    processor = SanitizeProcessor(SanitizeConfig.model_validate(options))
    processor.host = Host("sanitize")
    batch = processor.process(Batch("b", (make_event(**({"body": None, "resource": {}} | members)),)))
    assert encode_lines(processor.process(batch)) == encode_lines(batch)
    return batch.events[0]


# ---- allow-list ----


def test_s5_with_an_allow_list_only_named_attributes_pass() -> None:
    event = passed(
        {"allowed_keys": ["session.id", "gen_ai.*"]},
        body="text",
        attributes={"session.id": "s", "gen_ai.tool.name": "Bash", "n": 1, "m": {"session.id": "x"}},
        resource={"service.name": "a", "session.id": "r"},
        scope=Scope(name="n", attributes={"a": 1}),
    )
    assert event.attributes == {"session.id": "s", "gen_ai.tool.name": "Bash"}
    assert event.resource == {"session.id": "r"}
    assert event.scope == Scope(name="n")
    assert event.body is None


def test_s5_an_allow_list_is_for_every_part_of_metrics_and_spans() -> None:
    options = {"allowed_keys": ["ok"]}
    both = {"ok": "1", "no": "2"}
    span = Span(events=[SpanEvent(name="e", attributes=both)], links=[SpanLink(span_id="a" * 16, attributes=both)])
    done = passed(options, signal="span", span=span).span
    assert done is not None
    assert [done.events[0].attributes, done.links[0].attributes] == [{"ok": "1"}, {"ok": "1"}]
    metric = Metric(kind="sum", value=1, exemplars=[Exemplar(attributes=both)])
    point = passed(options, signal="metric", metric=metric).metric
    assert point is not None
    assert point.exemplars[0].attributes == {"ok": "1"}


def test_s5_what_passes_is_sanitized_and_the_summary_passes() -> None:
    event = passed({"allowed_keys": ["body"]}, body="sk_live_" + "FAKEfake0000", attributes={"a": "b"})
    assert event.body == "[REDACTED:stripe-key]"
    assert event.attributes == {"beacon.redacted": {"stripe-key": 1}}


def test_s5_what_is_left_out_is_counted() -> None:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"allowed_keys": []}))
    host = Host("sanitize")
    processor.start(host)
    processor.process(Batch("b", (make_event(body="x", attributes={"a": 1, "b": 2}, resource={}),)))
    assert host.counters.reasons("redacted", "sanitize") == {"not-allowed": 3}


def test_shared_resources_stay_shared() -> None:
    resource = {"service.name": "a", "b": "c"}
    batch = Batch("b", tuple(make_event(n, resource=resource) for n in range(3)))
    done, left_out = Selection(["service.name"]).apply(batch)
    assert len({id(event.resource) for event in done}) == 1
    assert left_out >= 1
    assert Selection(["*", "body"]).apply(batch) == (batch, 0)


# ---- content levels ----


def test_s8_metadata_has_no_content() -> None:
    event = passed(
        {"content": "metadata"},
        name="tool_result",
        body="tool_result",
        attributes={
            "prompt": "do it",
            "tool_input": "{}",
            "unheard.of": "x",
            "gen_ai.input.messages": "m",
            "session.id": "s",
            "prompt_length": 5,
            "unheard.number": 1.5,
            "unheard.truth": True,
            "a": ["x"],
            "beacon.raw": {"arguments": "x", "attempt": 2, "tool_name": "Bash"},
        },
        resource={"process.command_args": ["a"], "service.name": "claude-code", "host.arch": "x"},
    )
    assert event.attributes == {
        "session.id": "s",
        "prompt_length": 5,
        "unheard.number": 1.5,
        "unheard.truth": True,
        "beacon.raw": {"attempt": 2, "tool_name": "Bash"},
    }
    assert event.resource == {"service.name": "claude-code", "host.arch": "x"}
    assert event.body == "tool_result", "it only repeats the name"
    assert passed({"content": "metadata"}, name="n", body="something else").body is None
    span = passed({"content": "metadata"}, signal="span", span=Span(status_code="error", status_message="no such x"))
    assert span.span == Span(status_code="error")


def test_s8_metadata_can_have_names_of_ones_own() -> None:
    options = {"content": "metadata", "allowed_keys": ["acme.*", "body"]}
    event = passed(options, body="text", attributes={"acme.team": "x", "prompt": "y"})
    assert (event.attributes, event.body) == ({"acme.team": "x"}, "text")


def test_s8_redacted_cuts_texts_and_full_does_not() -> None:
    attributes = {"beacon.prompt.text": LONG, "gen_ai.tool.call.arguments": LONG, "file.path": LONG, "n": "x"}
    redacted = passed({}, attributes=attributes).attributes
    lengths = {key: len(value) for key, value in redacted.items() if isinstance(value, str)}
    assert lengths == {"beacon.prompt.text": 4096, "gen_ai.tool.call.arguments": 2048, "file.path": 2048, "n": 1}
    assert redacted["beacon.truncated"] is True
    assert passed({"content": "full"}, attributes=attributes).attributes == attributes
    full = passed({"content": "full", "max_event_bytes": 4096}, attributes=attributes).attributes
    assert full["beacon.truncated"] is True


def test_s6_details_have_a_limit_of_their_own() -> None:
    raw = {"beacon.raw": {"a": "x " * 1500, "b": ["y " * 1500, 1]}, "path": "z " * 1500, "pathos": "z " * 1500}
    done = passed({}, attributes=raw).attributes
    assert [len(done["beacon.raw"]["a"]), len(done["beacon.raw"]["b"][0]), len(done["path"])] == [2048] * 3
    assert done["pathos"] == raw["pathos"]


def test_s8_every_name_of_the_normalized_event_is_known_as_metadata_or_content() -> None:
    text = files("beacon_core.processors.canonicalize").joinpath("normalized.toml").read_text(encoding="utf-8")
    names = {
        name: about.get("type", "string")
        for group in tomllib.loads(text)["groups"]
        for name, about in group["names"].items()
    }
    selection = Selection((), metadata())
    texts = {name for name, kind in names.items() if kind == "string"}
    assert {name for name in texts if not selection.passes(name)} == CONTENT


@pytest.mark.skipif(not AGENTS.is_dir(), reason="the recordings are not beside the checkout")
@pytest.mark.parametrize("canonical", [False, True])
def test_s8_no_prompt_command_or_output_of_a_recording_passes_as_metadata(canonical: bool) -> None:
    canonicalize = CanonicalizeProcessor(CanonicalizeConfig())
    canonicalize.start(Host("canonicalize"))
    processor = SanitizeProcessor(SanitizeConfig(content="metadata"))
    lines = b""
    for path in sorted(AGENTS.glob("*/*/*.json")):
        signal = next((name for name in ("logs", "metrics", "traces") if name in path.name), None)
        if signal:
            data = path.read_bytes()
            batch = decode_request(f"/v1/{signal}", data, encoding="json", received_unix_nano=1).batch
            lines += encode_lines(processor.process(canonicalize.process(batch) if canonical else batch))
    assert len(lines) > 100_000
    for content in (
        "echo hi",
        "curl -s",
        "Authorization",
        "Say hello",
        "Please",
        "fake API. Done",
        "/srv/",
        "node_modules",
    ):
        assert content.encode() not in lines, content


def test_the_constructor_reads_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError

    monkeypatch.setattr("beacon_core.processors.sanitize.making.metadata", fail)
    processor = SanitizeProcessor(SanitizeConfig(content="metadata"))
    with pytest.raises(AssertionError):
        processor.start(Host("sanitize"))
