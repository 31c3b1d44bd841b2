"""The fingerprint processor: where events come from (machine, runtime, CI run), put into their resource."""

from beacon_core.processors.fingerprint.config import FingerprintConfig
from beacon_core.processors.fingerprint.detection import detect, facts, working_directory
from beacon_core.processors.fingerprint.environment import describe_environment, environment_attributes
from beacon_core.processors.fingerprint.processor import FingerprintProcessor
from beacon_core.processors.fingerprint.reading import load_rows

__all__ = [
    "FingerprintConfig",
    "FingerprintProcessor",
    "describe_environment",
    "detect",
    "environment_attributes",
    "facts",
    "load_rows",
    "working_directory",
]
