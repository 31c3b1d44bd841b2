"""What is done with finds, by rule and by attribute."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.event import Batch, Event, encode_lines
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.testing import make_event

KEY = "sk_live_" + "FAKEfake0000"
MAIL = "ann@example.com"
HASH_KEY = {"hash_key": "of this installation"}


def sanitized(options: dict[str, Any], **members: Any) -> Event:
    """Sanitize one event, and check that doing it twice changes nothing more."""
    processor = SanitizeProcessor(SanitizeConfig.model_validate(options))
    members = {"name": "", "body": None, "attributes": {}, "resource": {}} | members
    once = processor.process(Batch("b", (make_event(**members),)))
    assert encode_lines(processor.process(once)) == encode_lines(once)
    return once.events[0]


def body(options: dict[str, Any], text: str) -> Any:
    return sanitized(options, body=text).body


def mac(text: str) -> str:
    return hmac.new(b"of this installation", text.encode(), hashlib.sha256).hexdigest()[:16]


# ---- by rule ----


def test_s5_a_hash_is_keyed_and_the_same_for_the_same_find() -> None:
    options = {"rule_actions": {"stripe-key": "hash"}, **HASH_KEY}
    assert body(options, f"a {KEY} b {KEY}") == f"a [REDACTED:stripe-key:{mac(KEY)}] b [REDACTED:stripe-key:{mac(KEY)}]"
    assert body({**options, "hash_key": "another"}, KEY) != body(options, KEY)


def test_s5_a_hash_needs_a_key() -> None:
    for actions in ("rule_actions", "attribute_actions"):
        with pytest.raises(ValidationError, match="BEACON_HASH_KEY"):
            SanitizeConfig.model_validate({actions: {"jwt": "hash"}})


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0, 4, "[REDACTED:stripe-key]0000"), (4, 0, "sk_l[REDACTED:stripe-key]"), (8, 8, "[REDACTED:stripe-key]")],
)
def test_s5_some_characters_stay_but_never_more_than_half(first: int, last: int, expected: str) -> None:
    options = {"rule_actions": {"stripe-key": {"first": first, "last": last}}}
    assert body(options, f"a {KEY}") == f"a {expected}"


def test_s5_what_one_rule_leaves_is_no_find_of_another() -> None:
    options = {"rule_actions": {"stripe-key": {"first": 3, "last": 3}}}
    assert body(options, f"password={KEY} x") == "password=sk_[REDACTED:stripe-key]000 x"
    assert sanitized(options, attributes={"password": "sk_[REDACTED:stripe-key]000"}).attributes == {
        "password": "sk_[REDACTED:stripe-key]000"
    }


def test_s5_keep_switches_a_rule_off() -> None:
    assert body({"rule_actions": {"stripe-*": "keep"}}, f"a {KEY}") == f"a {KEY}"
    assert sanitized({"rule_actions": {"sensitive-key": "keep"}}, attributes={"password": "x"}).attributes == {
        "password": "x"
    }
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"rule_actions": {"known-value": "keep"}}))
    processor.start(Host("sanitize", secrets=("plain-value",)))
    assert processor.process(Batch("b", (make_event(body="plain-value"),))).events[0].body == "plain-value"


def test_s5_drop_leaves_out_what_holds_the_find() -> None:
    options = {"rule_actions": {"stripe-key": "drop"}}
    event = sanitized(
        options, name=f"run {KEY}", body=f"see {KEY}", attributes={"a": KEY, "b": ["x", KEY], "c": {"d": KEY}, "e": 1}
    )
    assert event.body is None
    assert event.name == "run [REDACTED:stripe-key]", "a name cannot be left out"
    assert event.attributes == {"b": ["x"], "c": {}, "e": 1, "beacon.redacted": {"stripe-key": 5}}
    assert sanitized(options, resource={"a": KEY}).resource == {"beacon.redacted": {"stripe-key": 1}}


def test_s5_drop_inside_json_leaves_out_the_member_only() -> None:
    options = {"rule_actions": {"stripe-key": "drop"}}
    assert json.loads(body(options, json.dumps({"a": KEY, "b": 1}))) == {"b": 1}


def test_s5_many_events_of_one_shape_are_dropped_from_alike() -> None:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"rule_actions": {"stripe-key": "drop"}}))
    events = tuple(make_event(n, body=None, attributes={"a": KEY if n % 2 else "x", "n": n}) for n in range(20))
    done = processor.process(Batch("b", events)).events
    assert [("a" in event.attributes) for event in done] == [n % 2 == 0 for n in range(20)]


def test_s5_a_pattern_is_for_many_rules_and_an_id_goes_before_it() -> None:
    options = {"rule_actions": {"*": "hash", "email": "redact"}, **HASH_KEY}
    assert body(options, f"{MAIL} {KEY}") == f"[REDACTED:email] [REDACTED:stripe-key:{mac(KEY)}]"


def test_s5_an_action_for_no_rule_is_an_error() -> None:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"rule_actions": {"stripe-kee": "drop"}}))
    with pytest.raises(ConfigurationError, match='did you mean "stripe-key"'):
        processor.validate()


def test_s5_an_access_key_id_that_is_hashed_still_tells_the_secret_beside_it() -> None:
    key_id, secret = "AKIA" + "FAKEFAKEFAKE0000", "wJalrFAKE" + "/K7MDENG+bPxRfiCYFAKEKEYFAKE00a"
    for action in ("hash", {"last": 4}):
        options = {"rule_actions": {"aws-access-key-id": action}, **HASH_KEY}
        assert secret not in str(body(options, f"{key_id} {secret}"))


# ---- by attribute ----


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("redact", "[REDACTED:attribute]"),
        ("hash", f"[REDACTED:attribute:{mac('some words here')}]"),
        ({"first": 4}, "some[REDACTED:attribute]"),
    ],
)
def test_s5_an_action_by_attribute_is_for_its_whole_value(action: Any, expected: str) -> None:
    options = {"attribute_actions": {"acme.*": action}, **HASH_KEY}
    event = sanitized(options, attributes={"acme.note": "some words here", "b": "c"})
    assert event.attributes == {"acme.note": expected, "b": "c", "beacon.redacted": {"attribute": 1}}


def test_s5_an_action_by_attribute_reaches_everything_below_it() -> None:
    options = {"attribute_actions": {"a": "redact", "n": "drop"}}
    mark = "[REDACTED:attribute]"
    value = {"a": {"b": ["x", 5, True, None, ""], "c": b"raw"}, "n": 5, "m": json.dumps({"n": [1], "o": 2})}
    event = sanitized(options, attributes=value, resource={"n": 1, "o": 2})
    assert event.attributes["a"] == {"b": [mark, mark, mark, None, ""], "c": mark.encode()}
    assert "n" not in event.attributes
    assert json.loads(str(event.attributes["m"])) == {"o": 2}
    assert event.resource == {"o": 2, "beacon.redacted": {"attribute": 1}}


def test_s5_no_character_stays_of_a_value_with_a_secret_in_it() -> None:
    options = {"attribute_actions": {"note": {"first": 8, "last": 8}}}
    event = sanitized(options, attributes={"note": f"{KEY} and more words behind it"})
    assert event.attributes["note"] == "[REDACTED:attribute]"


def test_s5_keep_by_attribute_means_that_its_name_is_no_sign_of_a_secret() -> None:
    options = {"attribute_actions": {"session_key": "keep"}}
    event = sanitized(options, attributes={"session_key": "monday", "other_key": KEY, "auth_key": "x"})
    assert event.attributes["session_key"] == "monday"
    assert event.attributes["auth_key"] == "[REDACTED:sensitive-key]"
    assert sanitized(options, attributes={"session_key": KEY}).attributes["session_key"] == "[REDACTED:stripe-key]"


def test_s5_the_summary_is_no_object_of_actions() -> None:
    event = sanitized({"attribute_actions": {"*": "redact"}}, attributes={"a": KEY, "b": 1})
    assert event.attributes == {
        "a": "[REDACTED:attribute]",
        "b": "[REDACTED:attribute]",
        "beacon.redacted": {"attribute": 2},
    }


# ---- always ----

ACTIONS: Any = st.sampled_from(["redact", "drop", "hash", {"first": 3}, {"last": 8}, {"first": 8, "last": 8}])
PIECES = st.sampled_from(
    [
        *(KEY, MAIL, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "password=", "hunter2hunter2", "Bearer ", "://u:"),
        *("@h/", '"', "{", "}", ":", " ", "\\", "[REDACTED:jwt]", "[REDACTED:email:0123456789abcdef]", "--token "),
        "/home/ann/x",
    ]
)


@settings(deadline=None, database=None, max_examples=300)
@given(st.lists(PIECES, max_size=8).map("".join), ACTIONS, ACTIONS)
def test_s7_with_any_action_a_second_pass_changes_nothing_and_no_secret_stays(text: str, rule: Any, key: Any) -> None:
    options = {"rule_actions": {"*": rule}, "attribute_actions": {"acted": key}, **HASH_KEY}
    event = sanitized(options, body=text, attributes={"a": text, "acted": text, "password": text})
    assert KEY not in encode_lines([event]).decode()
