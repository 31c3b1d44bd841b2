"""The rules as data: complete, compilable, and never hidden by their own keywords."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any, get_args

import pytest

from beacon_core.errors import ConfigurationError
from beacon_core.processors.sanitize.checks import CHECKS
from beacon_core.processors.sanitize.keys import SensitiveKeys
from beacon_core.processors.sanitize.rules import Pack, built_in_rules, parse_rules, select

DOCUMENT = tomllib.loads(files("beacon_core.processors.sanitize").joinpath("rules.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", DOCUMENT["rule"], ids=lambda entry: entry["id"])
def test_every_rule_says_what_it_is_and_where_it_comes_from(entry: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z0-9-]{3,64}", entry["id"])
    assert entry["description"].endswith(".")
    assert entry["source"]
    assert entry["licence"] == "Apache-2.0"
    assert entry["kind"] in {"vendor", "credential", "personal"}
    assert entry.get("check", "") in CHECKS
    assert ("group" in entry) == (entry["kind"] == "personal")


@pytest.mark.parametrize("rule", built_in_rules().rules, ids=lambda rule: f"{rule.id}-{rule.keywords[0]}")
def test_every_pattern_compiles_and_finds_nothing_in_nothing(rule: Any) -> None:
    assert rule.patterns
    assert not any(pattern.regex.search("") for pattern in rule.patterns)


def test_every_sensitive_name_holds_a_keyword() -> None:
    rules = built_in_rules()
    for name in rules.names:
        assert any(keyword in word for word in name.split("_") for keyword in rules.keywords), name
        assert name in SensitiveKeys(rules.names)


def test_personal_groups_are_selected() -> None:
    assert {rule.group for rule in select(built_in_rules(), {"email"}).rules} == {"", "email"}
    assert {rule.group for rule in select(built_in_rules(), ()).rules} == {""}


def test_what_one_pack_has_from_another_is_there_once_and_nothing_is_lost() -> None:
    together = built_in_rules().rules
    packs = [rule for pack in get_args(Pack) for rule in built_in_rules(frozenset({pack})).rules]
    assert len(packs) > len(together) + 100
    for rule in packs:
        same = [each for each in together if (each.id, each.kind, each.sources) == (rule.id, rule.kind, rule.sources)]
        assert any(each.entropy <= rule.entropy and {*rule.keywords} <= {*each.keywords} for each in same), rule.id
    numbered = [(rule.id, rule.kind, rule.sources, rule.entropy, rule.keywords) for rule in together]
    assert len(set(numbered)) == len(numbered)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"id": "a", "kind": "vendor", "keywords": ["x"]}, "a: 'patterns' is missing"),
        ({"id": "a", "kind": "vendor", "keywords": ["X"], "patterns": ["x"]}, "a: a keyword is lower-case"),
        ({"id": "a", "kind": "vendor", "keywords": ["x y"], "patterns": ["x"]}, "a: a keyword is lower-case"),
        ({"id": "a", "kind": "vendor", "keywords": ["x"], "patterns": ["{{y}}"]}, "no fragment y"),
    ],
)
def test_p10_a_broken_rule_is_refused_by_name(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        parse_rules({"rule": [rule]})


def test_the_last_words_of_a_key_decide() -> None:
    keys = SensitiveKeys(["api_key", "token"])
    for key in ("api_key", "apiKey", "x-api-key", "MY_API_KEY", "a.b.token", "token2", "k" * 500 + ".token", "apikey"):
        assert key in keys, key
    for key in ("api_key_name", "tokens", "token_type", "key", "apikeys", "", "12", 12, "tokenizer"):
        assert key not in keys, key


def test_decisions_about_keys_are_remembered_in_bounded_space() -> None:
    keys = SensitiveKeys(["token"])
    for number in range(20_000):
        assert f"k{number}" not in keys
    assert len(keys._decided) <= 8192
    assert "token" * 10_000 not in keys
    assert max(map(len, keys._decided)) < 200
