"""The `spool` receiver: takes over what programs left in files because they ended before they could send it."""

from beacon_core.receivers.spool.config import SpoolConfig
from beacon_core.receivers.spool.receiver import SpoolReceiver

__all__ = ["SpoolConfig", "SpoolReceiver"]
