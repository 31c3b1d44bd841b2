"""The receiver that runs a command, such as a coding agent, and makes events of what it prints."""

from beacon_core.receivers.exec.config import ExecConfig
from beacon_core.receivers.exec.receiver import ExecReceiver

__all__ = ["ExecConfig", "ExecReceiver"]
