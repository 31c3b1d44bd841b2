"""Values that are known to be secret."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core.component import Host
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.processors.sanitize.known import KnownValues, secret_variables
from beacon_core.processors.sanitize.search import KeywordSearch
from beacon_core.testing import make_batch

GONE = "[REDACTED:known-value]"
SECRET = "Tr0ub4dor & 3/+é"


def redacted(value: str, *texts: str) -> list[object]:
    processor = SanitizeProcessor(SanitizeConfig())
    processor.start(Host("sanitize", secrets=(value,)))
    return [processor.process(make_batch(body=text)).events[0].body for text in texts]


def test_s3_a_known_value_is_removed_wherever_it_occurs() -> None:
    assert redacted("plainvalue", "x plainvalue y", "xplainvaluey", "PLAINVALUE") == [
        f"x {GONE} y",
        f"x{GONE}y",
        "PLAINVALUE",
    ]


@pytest.mark.parametrize("secret", ["plainvalue", SECRET, 'a"b\\c\nd', "геслопароль"])
def test_s3_a_known_value_is_removed_in_its_encodings(secret: str) -> None:
    texts = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps({"a": secret})]
    texts += [base64.b64encode(b"user:"[:n] + secret.encode() + b"!!").decode() for n in range(6)]
    texts += [base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")]
    for text, body in zip(texts, redacted(secret, *(f"x {text} y" for text in texts)), strict=True):
        assert "REDACTED" in str(body)
        assert text not in str(body)


@settings(deadline=None, database=None, max_examples=100)
@given(
    st.text(st.characters(codec="utf-8"), min_size=4, max_size=30).filter(lambda s: len(s.strip()) >= 4),
    st.text(max_size=20),
)
def test_s3_no_known_value_survives(secret: str, around: str) -> None:
    known = KnownValues([secret])
    for text in (f"{around}{secret}{around}", json.dumps([around + secret]), around + quote(secret)):
        assert secret.strip() not in known.redact(text, lambda _: "\0")[0]
        assert list(KeywordSearch(known.keywords).scan([text]))


def test_s3_secret_looking_variables_are_collected() -> None:
    environment = {
        "GITHUB_TOKEN": "0123456789abcdefghij",
        "DB_PASSWORD": "correct horse battery",
        "MY_API_KEY": "abcdefgh1",
        "AWS_SECRET_ACCESS_KEY": "/abc/DEF+ghiJKLmno",
        "npm_config__auth": "bm90aGluZzpoZXJl",
    }
    others = {
        "TOKEN": "short",
        "SSH_AUTH_SOCK": "/run/user/agent.sock",
        "SECRETS_DIR": "somewhere/else",
        "TOKEN_URL": "some-address",
        "KEY_URI": "abcdefghij",
        "PASSWORD_STORE": "/srv/pass/store",
        "SECRET_PLACE": "https://vault.example/v1",
        "MAX_TOKENS": "1000000000",
        "USE_TOKEN": "disabled",
        "MONKEYPATCH": "abcdefghij",
        "PATH": "/usr/bin:/usr/local/bin",
        "HOME": "/srv/home/alice",
    }
    assert sorted(secret_variables({**environment, **others})) == sorted(environment.values())


def test_s3_environment_and_configuration_are_known_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEACON_TEST_TOKEN", "only-known-from-the-environment")
    processor = SanitizeProcessor(SanitizeConfig())
    processor.start(Host("sanitize", secrets=("known-from-the-configuration",)))
    batch = make_batch(body="only-known-from-the-environment known-from-the-configuration")
    event = processor.process(batch).events[0]
    assert event.body == f"{GONE} {GONE}"
    assert event.attributes["beacon.redacted"] == {"known-value": 2}


def test_p7_known_values_are_in_no_repr() -> None:
    processor = SanitizeProcessor(SanitizeConfig())
    processor.start(Host("sanitize", secrets=("hunter2hunter2",)))
    processor.process(make_batch())
    for thing in (processor, processor._known, processor._redactor, vars(processor)):
        assert "hunter2" not in repr(thing)


def test_values_that_are_too_short_to_tell_apart_are_left_out() -> None:
    assert redacted("abc", "abc") == ["abc"]
    assert repr(KnownValues(["", " a ", "abcd"])) == "KnownValues(1 values)"
