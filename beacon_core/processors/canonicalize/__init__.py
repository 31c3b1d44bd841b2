"""The canonicalize processor: many names, one meaning, by tables of aliases."""

from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.loading import load_tables
from beacon_core.processors.canonicalize.processor import CanonicalizeProcessor
from beacon_core.processors.canonicalize.tables import Tables

__all__ = ["CanonicalizeConfig", "CanonicalizeProcessor", "Tables", "load_tables"]
