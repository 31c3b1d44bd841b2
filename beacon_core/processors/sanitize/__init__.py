"""The `sanitize` processor: no secret and no home directory leaves Beacon (promise P2)."""

from __future__ import annotations

from beacon_core.processors.sanitize.config import SanitizeConfig
from beacon_core.processors.sanitize.known import KnownValues, secret_variables
from beacon_core.processors.sanitize.lines import redact_lines
from beacon_core.processors.sanitize.making import make_redactor
from beacon_core.processors.sanitize.processor import SanitizeProcessor
from beacon_core.processors.sanitize.text import TextRedactor

__all__ = [
    "KnownValues",
    "SanitizeConfig",
    "SanitizeProcessor",
    "TextRedactor",
    "make_redactor",
    "redact_lines",
    "secret_variables",
]
