"""The finite receivers: JSON lines from standard input or from files, read to their end."""

from beacon_core.receivers.lines.config import FileInputConfig, LinesConfig
from beacon_core.receivers.lines.file_input import FileInputReceiver
from beacon_core.receivers.lines.stdin import StdinReceiver

__all__ = ["FileInputConfig", "FileInputReceiver", "LinesConfig", "StdinReceiver"]
