"""The canonicalize processor: many names, one meaning, by tables of names and rules."""

from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.explanation import Finding, explain
from beacon_core.processors.canonicalize.loading import load_files, load_tables
from beacon_core.processors.canonicalize.processor import CanonicalizeProcessor
from beacon_core.processors.canonicalize.reading import TableFile
from beacon_core.processors.canonicalize.schema import Schema, load_schema
from beacon_core.processors.canonicalize.tables import Tables

__all__ = [
    "CanonicalizeConfig",
    "CanonicalizeProcessor",
    "Finding",
    "Schema",
    "TableFile",
    "Tables",
    "explain",
    "load_files",
    "load_schema",
    "load_tables",
]
