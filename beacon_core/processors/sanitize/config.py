"""The options of the `sanitize` processor."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from pydantic import ByteSize, Field, model_validator

from beacon_core.config import ComponentConfig, Secret, Size
from beacon_core.processors.sanitize.rules import Pack


class Partial(ComponentConfig):
    """An action: some characters of a secret stay, never more than half of it."""

    first: int = Field(default=0, ge=0, le=8)
    """Characters that stay at the beginning."""

    last: int = Field(default=0, ge=0, le=8)
    """Characters that stay at the end."""


#: What is done with a find: a marker instead of it; what holds it is left out; a keyed hash; some characters; nothing.
Action: TypeAlias = Literal["redact", "drop", "hash", "keep"] | Partial


class SanitizeConfig(ComponentConfig):
    """What `sanitize` removes beside secrets, what it does with finds, and how much of a text it lets through."""

    content: Literal["metadata", "redacted", "full"] = "redacted"
    """How much content passes, sanitized in any case: `metadata` no prompts, answers, commands, arguments, output and
    error texts, only texts under names that are known to be metadata; `redacted` texts up to `max_string_length` and
    `max_detail_length`; `full` texts as long as `max_event_bytes` allows."""

    packs: frozenset[Pack] = frozenset(get_args(Pack))
    """Rules that are applied: Beacon's own (`beacon`), and those of betterleaks, gitleaks and Veles. What stands under
    a name such as `password` is a secret whatever is chosen here."""

    personal: frozenset[Literal["email", "home_directory", "ip_address", "credit_card", "phone_number"]] = frozenset(
        {"email", "home_directory"}
    )
    """Groups of personal data to remove. Home directories become `~`, the others a marker."""

    rules: list[Path] = Field(default_factory=list)
    """Files with rules of your own (YAML), applied before the others."""

    sensitive_names: list[str] = Field(default_factory=list)
    """More names that stand before secrets, such as `acme_pin`: of attributes and JSON members, in `acme_pin=...`,
    after `--acme-pin`. Lower-case words joined by `_`, which stands for any separator."""

    rule_actions: dict[str, Action] = Field(default_factory=dict)
    """What is done with the finds of a rule, by its id or a pattern with `*`: `redact` (a marker), `drop` (the
    attribute or JSON member that holds it is left out), `hash` (a marker with a keyed hash), `{first: 4, last: 4}`
    (these characters stay), `keep` (the rule is off). An id itself goes before a pattern."""

    attribute_actions: dict[str, Action] = Field(default_factory=dict)
    """The same for whole values, by the name of an attribute or JSON member or a pattern with `*`, whatever is in them.
    `keep`: the name does not make it a secret; what is found in it still goes."""

    allowed_keys: list[str] | None = None
    """Allow-list, for strict places: only attributes with these names or patterns pass, of events, resources, scopes
    and parts of spans; a body only if `body` is among them. With `content: metadata`: what passes beside the known."""

    hash_key: Secret | None = None
    """Key of the action `hash`. The same key gives the same hash for the same text, so that finds can be compared."""

    max_string_length: int = Field(default=4096, ge=64)
    """Characters of one text at most. It is redacted first and cut then; the mark of the cut counts."""

    max_detail_length: int = Field(default=2048, ge=64)
    """The same for details: `beacon.raw`, `gen_ai.*`, `mcp.*`, and paths."""

    max_event_bytes: Size = Field(default=ByteSize(64 * 1024), ge=1024)
    """Bytes of one event at most, without its resource and scope. Above it `beacon.raw` goes first, then texts are cut
    to 1024 characters; an event that is still larger is dropped."""

    max_depth: int = Field(default=4, ge=0, le=16)
    """How many layers of JSON or percent-encoding inside a text are taken apart; what lies deeper is searched as it is.
    Base64 is always taken apart once."""

    @model_validator(mode="after")
    def _hash_needs_a_key(self) -> SanitizeConfig:
        actions = {**self.rule_actions, **self.attribute_actions}
        hashed = next((name for name, action in actions.items() if action == "hash"), None)
        if hashed and not self.hash_key:
            raise ValueError(f'the action hash for "{hashed}" needs hash_key: "${{env:BEACON_HASH_KEY}}"')
        return self
