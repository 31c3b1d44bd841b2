"""The command line."""

from beacon_core.cli.main import main

__all__ = ["main"]
