"""The fingerprint processor: where events come from (machine, runtime, CI run), put into their resource."""

from beacon_core.processors.fingerprint.detection import detect, facts
from beacon_core.processors.fingerprint.environment import FingerprintConfig, environment_attributes
from beacon_core.processors.fingerprint.processor import FingerprintProcessor

__all__ = ["FingerprintConfig", "FingerprintProcessor", "detect", "environment_attributes", "facts"]
