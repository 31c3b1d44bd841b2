"""Rules of users: read from YAML, refused with their position where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.testing import make_batch

GOOD = """
rules:
  - id: acme-token
    description: Tokens of ACME.
    pattern: 'acme_(?P<secret>[0-9a-f]{8})'
    entropy: 1
    examples: [use acme_01234567]
    non_examples: [acme_status, acme_00000000]
  - id: ticket
    pattern: '(?i)TICKET-[0-9]{4}'
    keywords: [ticket-]
    action: {last: 2}
"""


def processor(tmp_path: Path, text: str, **options: Any) -> SanitizeProcessor:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return SanitizeProcessor(SanitizeConfig.model_validate({"rules": [str(path)], **options}))


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        processor(tmp_path, text).validate()
    return str(caught.value).replace(str(tmp_path / "own.yaml"), "own.yaml").splitlines()


def rule(**members: str) -> str:
    members = {"id": "a", "pattern": "'abc[0-9]{4}'"} | members
    return "rules:\n  - " + "\n    ".join(f"{name}: {value}" for name, value in members.items()) + "\n"


def test_s7_rules_of_ones_own_find_what_they_say(tmp_path: Path) -> None:
    own = processor(tmp_path, GOOD)
    own.validate()
    event = own.process(make_batch(body="acme_01234567 acme_00000000 Ticket-1234")).events[0]
    assert event.body == "acme_[REDACTED:acme-token] acme_00000000 [REDACTED:ticket]34"
    assert event.attributes["beacon.redacted"] == {"acme-token": 1, "ticket": 1}


def test_options_go_before_the_action_of_a_rule(tmp_path: Path) -> None:
    own = processor(tmp_path, GOOD, rule_actions={"ticket": "redact", "acme-*": "keep"})
    assert own.process(make_batch(body="acme_01234567 Ticket-1234")).events[0].body == "acme_01234567 [REDACTED:ticket]"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"pattern": "'(a+)+b'"}, "own.yaml:3:14 rules[0].pattern something that may fail follows a repetition"),
        ({"pattern": "'abc.*def'"}, "own.yaml:3:14 rules[0].pattern something that may fail"),
        ({"pattern": "'abc('"}, "own.yaml:3:14 rules[0].pattern not a regular expression"),
        ({"pattern": "'[0-9]{4}'"}, "own.yaml:3:14 rules[0].pattern no word of three letters"),
        ({"pattern": "'(abc)?'"}, "own.yaml:3:14 rules[0].pattern it matches an empty text"),
        ({"id": "stripe-key"}, 'own.yaml:2:9 rules[0].id "stripe-key" is a rule of Beacon already'),
        ({"id": "A B"}, "own.yaml:2:9 rules[0].id"),
        ({"keyword": "[x]"}, 'own.yaml:4:5 rules[0].keyword unknown option; did you mean "keywords"?'),
        ({"keywords": "[Abc]"}, "own.yaml:4:16 rules[0].keywords[0]"),
        ({"examples": "[abc]"}, "own.yaml:4:16 rules[0].examples[0] the rule finds nothing in this"),
        ({"non_examples": "[abc1234]"}, "own.yaml:4:20 rules[0].non_examples[0] the rule finds something in this"),
        ({"action": "burn"}, "own.yaml:4:13 rules[0].action"),
    ],
)
def test_p10_what_is_wrong_is_said_with_its_position(tmp_path: Path, members: dict[str, str], expected: str) -> None:
    assert problems(tmp_path, rule(**members))[0].startswith(expected)


def test_p10_every_problem_of_every_file_is_said(tmp_path: Path) -> None:
    text = "rules:\n  - {id: a, pattern: 'abc.*d'}\n  - {id: a, pattern: 'abc1'}\n  - {id: b}\n"
    assert len(problems(tmp_path, text.replace("  - {id: b}\n", ""))) == 2
    assert problems(tmp_path, text) == ["own.yaml:4:5 rules[2].pattern missing option"]
    absent = SanitizeProcessor(SanitizeConfig.model_validate({"rules": ["no/a.yaml", "no/b.yaml"]}))
    with pytest.raises(ConfigurationError, match=r"(?s)no/a.yaml cannot be read.*no/b.yaml cannot be read"):
        absent.validate()


def test_names_of_ones_own_stand_before_secrets() -> None:
    own = SanitizeProcessor(SanitizeConfig.model_validate({"sensitive_names": ["acme_pin"]}))
    event = own.process(
        make_batch(body="ACME_PIN=1234 --acme-pin 99x7", attributes={"acmePin": "x", "pin": "y"})
    ).events[0]
    assert event.body == "ACME_PIN=[REDACTED:assignment] --acme-pin [REDACTED:flag]"
    assert event.attributes["acmePin"] == "[REDACTED:sensitive-key]"
    assert event.attributes["pin"] == "y"


def test_what_validate_has_read_is_what_start_takes(tmp_path: Path) -> None:
    own = processor(tmp_path, GOOD)
    own.validate()
    (tmp_path / "own.yaml").unlink()
    own.start(Host("sanitize"))
    assert own.process(make_batch(body="Ticket-1234")).events[0].body == "[REDACTED:ticket]34"


def test_an_action_can_be_for_a_personal_rule_that_is_off_and_for_none_of_a_pack_that_is(tmp_path: Path) -> None:
    processor(tmp_path, GOOD, rule_actions={"credit-card": "redact"}).validate()
    with pytest.raises(ConfigurationError, match="there is no rule"):
        processor(tmp_path, GOOD, packs=["beacon"], rule_actions={"stripe-access-token": "keep"}).validate()
