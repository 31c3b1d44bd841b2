"""What the processor makes of events: every place that holds text, sharing, names, counts, limits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_core.component import Host
from beacon_core.errors import InvalidDataError
from beacon_core.event import Batch, Event, Exemplar, Metric, Scope, Span, SpanEvent, SpanLink, encode_lines
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.testing import make_batch, make_event

KEY = "sk_live_" + "FAKEfake0000"
GONE = "[REDACTED:stripe-key]"

Sanitize = Callable[..., Event]

PLACES: dict[str, dict[str, Any]] = {
    "name": {"name": f"pay {KEY}"},
    "severity text": {"severity_text": KEY},
    "body": {"body": f"pay {KEY}"},
    "body, nested": {"body": {"a": [{"b": KEY}]}},
    "body, bytes": {"body": f"pay {KEY}".encode()},
    "body, bytes that are no text": {"body": b"\xff\x00 " + KEY.encode()},
    "attribute value": {"attributes": {"a": f"pay {KEY}"}},
    "attribute key": {"attributes": {f"pay {KEY}": 1}},
    "attribute, list": {"attributes": {"a": [1, "x", KEY]}},
    "attribute, map": {"attributes": {"a": {"b": {KEY: 1}}}},
    "attribute, bytes": {"attributes": {"a": KEY.encode()}},
    "resource value": {"resource": {"a": KEY}},
    "resource key": {"resource": {KEY: "a"}},
    "resource, list": {"resource": {"process.command_args": ["x", KEY]}},
    "scope name": {"scope": Scope(name=KEY)},
    "scope version": {"scope": Scope(version=KEY)},
    "scope schema": {"scope": Scope(schema_url=f"https://x.example/?a={KEY}")},
    "scope attribute": {"scope": Scope(attributes={"a": KEY})},
    "metric unit": {"signal": "metric", "metric": Metric(kind="sum", unit=KEY)},
    "metric description": {"signal": "metric", "metric": Metric(kind="sum", description=KEY)},
    "exemplar": {"signal": "metric", "metric": Metric(kind="sum", exemplars=[Exemplar(attributes={"a": KEY})])},
    "span status": {"signal": "span", "span": Span(status_message=KEY)},
    "span trace state": {"signal": "span", "span": Span(trace_state=f"a={KEY}")},
    "span event name": {"signal": "span", "span": Span(events=[SpanEvent(name=KEY)])},
    "span event": {"signal": "span", "span": Span(events=[SpanEvent(attributes={"exception.stacktrace": KEY})])},
    "span link": {"signal": "span", "span": Span(links=[SpanLink(attributes={"a": KEY})])},
    "span link trace state": {"signal": "span", "span": Span(links=[SpanLink(trace_state=f"a={KEY}")])},
}


@pytest.mark.parametrize("members", PLACES.values(), ids=PLACES.keys())
def test_p2_s1_a_secret_is_removed_from_every_place(sanitize: Sanitize, members: dict[str, Any]) -> None:
    event = sanitize(**members)
    lines = encode_lines(Batch("b", (event,)))
    assert KEY.encode() not in lines
    assert event.attributes.get("beacon.redacted", {"stripe-key": 1}) == {"stripe-key": 1}


def test_a_batch_without_secrets_is_returned_as_it_is(processor: SanitizeProcessor) -> None:
    batch = make_batch(3, body="nothing here", attributes={"a": 1, "b": "x", "c": [1, {"d": "y"}], "token": 5})
    assert processor.process(batch) is batch
    assert processor.process(Batch("empty", ())).events == ()


def test_only_the_events_that_hold_a_secret_change(processor: SanitizeProcessor) -> None:
    batch = Batch("b", (make_event(0), make_event(1, body=KEY), make_event(2)))
    result = processor.process(batch)
    assert result.id == "b"
    assert [new is old for new, old in zip(result, batch, strict=True)] == [True, False, True]
    assert result.events[1].body == GONE
    assert result.events[1].id == "test-1"


def test_a_shared_resource_and_scope_stay_shared(processor: SanitizeProcessor) -> None:
    resource, scope = {"a": KEY}, Scope(name=KEY)
    result = processor.process(make_batch(3, resource=resource, scope=scope))
    assert len({id(event.resource) for event in result}) == 1
    assert len({id(event.scope) for event in result}) == 1
    assert result.events[0].resource == {"a": GONE, "beacon.redacted": {"stripe-key": 1}}
    assert resource == {"a": KEY}


def test_s5_what_each_rule_changed_is_summed_up_and_counted(processor: SanitizeProcessor) -> None:
    batch = make_batch(2, body=f"{KEY} {KEY} a@example.com /home/a", attributes={"password": "hunter2"})
    event = processor.process(batch).events[0]
    assert event.attributes["beacon.redacted"] == {"stripe-key": 2, "sensitive-key": 1}
    assert processor.host.counters.reasons("redacted", "sanitize") == {
        "stripe-key": 4,
        "sensitive-key": 2,
        "email": 2,
        "home-directory": 2,
    }


def test_s5_the_summary_of_an_earlier_pass_is_added_to(sanitize: Sanitize) -> None:
    event = sanitize(body=KEY, attributes={"beacon.redacted": {"stripe-key": 2, "jwt": 1}})
    assert event.attributes["beacon.redacted"] == {"stripe-key": 3, "jwt": 1}


def test_personal_data_is_not_in_the_summary(sanitize: Sanitize) -> None:
    event = sanitize(attributes={"user.email": "a@example.com", "cwd": "/home/a/x"})
    assert event.attributes == {"user.email": "[REDACTED:email]", "cwd": "~/x"}


@pytest.mark.parametrize(
    "key",
    [
        *("password", "db.password", "dbPassword", "DB_PASSWORD", "user.passwd", "passphrase", "pwd", "pass"),
        *("api_key", "apiKey", "X-Api-Key", "apikey", "APIKey", "secret", "client_secret", "clientSecret", "secrets"),
        *(
            "token",
            "access_token",
            "GITHUB_TOKEN",
            "id-token",
            "http.request.header.authorization",
            "Cookie",
            "set-cookie",
        ),
        *(
            "credentials",
            "private_key",
            "aws.secret_access_key",
            "password2",
            "token_1",
            "jwt",
            "connectionString",
            "authtoken",
        ),
    ],
)
def test_s2_a_text_under_a_sensitive_key_is_redacted_whole(sanitize: Sanitize, key: str) -> None:
    gone = "[REDACTED:sensitive-key]"
    value = "any words at all"
    assert sanitize(attributes={key: value}).attributes[key] == gone
    assert sanitize(attributes={"a": {key: value}}).attributes["a"] == {key: gone}
    assert sanitize(body=[{key: [value, {"b": value}]}]).body == [{key: [gone, {"b": gone}]}]
    assert sanitize(body=f'{{"a":{{"{key}":"{value}"}}}}').body == f'{{"a":{{"{key}":"{gone}"}}}}'
    assert sanitize(resource={key: value.encode()}).resource[key] == gone.encode()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gen_ai.usage.input_tokens", "12"),
        ("token_type", "input"),
        ("gen_ai.token.type", "output"),
        ("token_count", "500"),
        ("session.id", "55b9c64c-73b5-4f9c-986d-7fb30943b879"),
        ("user.id", "e617e4289a483d905b75b964b3fcec5639fad065f9425f97337706b71e9ef46a"),
        ("key", "value"),
        ("cache_key", "value"),
        ("auth.header_name", "x-api-key"),
        ("apiKeySource", "ANTHROPIC_API_KEY"),
        ("password", True),
        ("token", 500),
        ("token", None),
        ("token", ""),
        ("password", "${DB_PASSWORD}"),
        ("secret", "none"),
        ("author", "Ann"),
        ("compass", "north"),
    ],
)
def test_s2_what_is_no_secret_stays_under_its_key(sanitize: Sanitize, key: str, value: Any) -> None:
    attributes = {key: value, "nested": {key: value}}
    assert sanitize(attributes=attributes).attributes == attributes


def test_s2_the_value_of_a_pair_is_redacted_by_the_name_beside_it(sanitize: Sanitize) -> None:
    event = sanitize(
        body=[{"key": "password", "value": {"stringValue": "hunter2"}}, {"name": "Cookie", "value": "hunter2"}]
    )
    assert "hunter2" not in str(event.body)
    assert sanitize(body={"name": "region", "value": "eu"}).body == {"name": "region", "value": "eu"}


def test_s7_what_a_key_becomes_decides_as_well(sanitize: Sanitize) -> None:
    gone, key = "[REDACTED:sensitive-key]", "SK" + "0123456789abcdef" * 2
    assert sanitize(attributes={f"a {key}": "x"}).attributes["a [REDACTED:twilio-api-key]"] == gone
    assert sanitize(body={"key": key, "value": "x"}).body == {"key": "[REDACTED:twilio-api-key]", "value": gone}


def test_s2_the_argument_after_a_flag_is_redacted(sanitize: Sanitize) -> None:
    event = sanitize(resource={"process.command_args": ["x", "--token", "hunter2", "--verbose", "-n", "5"]})
    gone = "[REDACTED:sensitive-key]"
    assert event.resource["process.command_args"] == ["x", "--token", gone, "--verbose", "-n", "5"]


def test_keys_that_become_equal_lose_no_value(sanitize: Sanitize) -> None:
    keys = {"/home/a/x": 1, "/home/b/x": 2, "~/x": 3}
    assert sanitize(attributes=dict(keys)).attributes == {"~/x": 1, "~/x#2": 2, "~/x#3": 3}
    assert sanitize(body={"token": dict(keys)}).body == {"token": {"~/x": 1, "~/x#2": 2, "~/x#3": 3}}


def test_ids_of_traces_and_spans_stay(sanitize: Sanitize) -> None:
    event = sanitize(body=KEY, trace_id="ab" * 16, span_id="cd" * 8)
    assert (event.trace_id, event.span_id) == ("ab" * 16, "cd" * 8)


def test_personal_groups_can_be_switched_off() -> None:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"personal": ["email"]}))
    event = processor.process(make_batch(body="/home/a a@example.com")).events[0]
    assert event.body == "/home/a [REDACTED:email]"
    with pytest.raises(ValidationError):
        SanitizeConfig.model_validate({"personal": ["shoe_size"]})


def test_s6_a_long_text_is_redacted_first_and_cut_then(sanitize: Sanitize) -> None:
    for before in range(4060, 4100):
        body = sanitize(body="x" * before + " " + KEY + "tail " * 50).body
        assert isinstance(body, str)
        assert len(body) <= 4096
        assert body.endswith("[TRUNCATED]")
        assert "sk_live" not in body
        assert "[REDACT" not in body.replace(GONE, "")


def test_s6_a_cut_is_marked_on_the_event(sanitize: Sanitize) -> None:
    assert sanitize(body="a " * 4096).attributes == {"beacon.truncated": True}
    assert sanitize(body="a " * 2048).attributes == {}
    assert sanitize(resource={"a": "b " * 4096}).resource["beacon.truncated"] is True


def test_s6_cut_json_and_texts_that_grow_stay_within_the_limit(sanitize: Sanitize) -> None:
    body = sanitize(body='{"n":' + "1" * 18 + ',"x":"' + "y" * 4200 + f'","k":"{KEY}"}}').body
    assert isinstance(body, str)
    assert len(body) <= 4096
    grown = sanitize(body="a@b.cc " * 580).body
    assert isinstance(grown, str)
    assert len(grown) <= 4096


def test_s6_an_event_that_is_too_large_loses_raw_then_text_and_then_fails(sanitize: Sanitize) -> None:
    raw = {"beacon.raw": {f"k{n}": "x" * 2000 for n in range(33)}}
    assert sanitize(attributes={"a": "b", **raw}).attributes == {"a": "b", "beacon.truncated": True}
    cut = sanitize(attributes={f"k{n}": "x " * 2000 for n in range(17)}).attributes
    assert {len(value) for value in cut.values() if isinstance(value, str)} == {1024}
    with pytest.raises(InvalidDataError, match="max_event_bytes"):
        sanitize(attributes={f"k{n}": "x " * 2000 for n in range(100)})


def test_p2_s7_what_cannot_be_sanitized_raises(processor: SanitizeProcessor) -> None:
    deep: Any = KEY
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(RecursionError):
        processor.process(make_batch(body=deep))
    with pytest.raises(UnicodeError):
        processor.process(make_batch(attributes={"a": '{"k":"\ud800", "p":"password=hunter2"}', "b": {"c": "\ud800"}}))


def test_p2_a_text_of_a_derived_type_is_looked_at_by_its_value(processor: SanitizeProcessor) -> None:
    class Named(str, Enum):  # noqa: UP042 - as a processor of somebody's own may leave behind; `str` of it is its name
        SECRET = KEY

    (event,) = processor.process(make_batch(attributes={"a": Named.SECRET, "b": [Named.SECRET]}, body=Named.SECRET))
    assert KEY not in repr((event.attributes, event.body))


def test_p7_nothing_is_logged(processor: SanitizeProcessor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        processor.process(make_batch(body=KEY))
    assert not caplog.records


def test_the_processor_is_safe_unstarted_and_shut_down_twice() -> None:
    processor = SanitizeProcessor(SanitizeConfig())
    processor.shutdown(1)
    processor.shutdown(1)
    processor.start(Host("sanitize"))
    assert processor.process(make_batch(body=KEY)).events[0].body == GONE
