"""The `otlp` receiver: takes logs, metrics and spans over OTLP/HTTP."""

from beacon_core.receivers.otlp.config import HttpOptions, OtlpConfig, Protocols
from beacon_core.receivers.otlp.receiver import OtlpReceiver

__all__ = ["HttpOptions", "OtlpConfig", "OtlpReceiver", "Protocols"]
