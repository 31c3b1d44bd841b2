"""The options of the `sanitize` processor."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import ByteSize, Field

from beacon_core.config import ComponentConfig, Size
from beacon_core.processors.sanitize.rules import Pack


class SanitizeConfig(ComponentConfig):
    """What `sanitize` removes beside secrets, and how much of a text it lets through."""

    packs: frozenset[Pack] = frozenset(get_args(Pack))
    """Rules that are applied: Beacon's own (`beacon`), and those of betterleaks, gitleaks and Veles. What stands under
    a name such as `password` is a secret whatever is chosen here."""

    personal: frozenset[Literal["email", "home_directory"]] = frozenset({"email", "home_directory"})
    """Groups of personal data to remove: e-mail addresses become a marker, home directories become `~`."""

    max_string_length: int = Field(default=4096, ge=64)
    """Characters of one text at most. It is redacted first and cut then; the mark of the cut counts."""

    max_event_bytes: Size = Field(default=ByteSize(64 * 1024), ge=1024)
    """Bytes of one event at most, without its resource and scope. Above it `beacon.raw` goes first, then texts are cut
    to 1024 characters; an event that is still larger is dropped."""

    max_depth: int = Field(default=4, ge=0, le=16)
    """How many layers of JSON or percent-encoding inside a text are taken apart; what lies deeper is searched as it is.
    Base64 is always taken apart once."""
