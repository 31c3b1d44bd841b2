"""The `sanitize` processor: no secret and no home directory leaves Beacon (promise P2)."""

from __future__ import annotations

from beacon_core.processors.sanitize.config import SanitizeConfig
from beacon_core.processors.sanitize.processor import SanitizeProcessor

__all__ = ["SanitizeConfig", "SanitizeProcessor"]
