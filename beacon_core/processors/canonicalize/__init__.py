"""The canonicalize processor: many names, one meaning, by tables of names and rules."""

from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.loading import load_files, load_tables
from beacon_core.processors.canonicalize.processor import CanonicalizeProcessor
from beacon_core.processors.canonicalize.schema import Schema, load_schema
from beacon_core.processors.canonicalize.table_file import TableFile
from beacon_core.processors.canonicalize.tables import Tables

__all__ = [
    "CanonicalizeConfig",
    "CanonicalizeProcessor",
    "Schema",
    "TableFile",
    "Tables",
    "load_files",
    "load_schema",
    "load_tables",
]
