"""The receiver that hooks of agents post their messages to."""

from beacon_core.receivers.hook.config import HookConfig
from beacon_core.receivers.hook.receiver import HookReceiver

__all__ = ["HookConfig", "HookReceiver"]
