"""The `beacon` command.

This module and those of its commands import click and the standard library, nothing else: what a command needs is
imported when it runs, so that `beacon --help` is quick. The module of a command is imported when it is asked for.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from beacon_core import __version__
from beacon_core.cli import exit_codes
from beacon_core.cli.lazy import LazyGroup
from beacon_core.errors import BeaconError, ConfigurationError

EPILOG = """\b
Examples:
  beacon init
  beacon validate --pipeline pipeline.yaml
  beacon run --pipeline pipeline.yaml --receipt receipt.json
  beacon components exporters
"""


#: Where each command is, by its name.
COMMANDS = {
    name: f"beacon_core.cli.{name}:{name}"
    for name in (
        *("run", "validate", "ci", "doctor", "components", "plugins", "canonicalize", "queue", "report", "sanitize"),
        *("fingerprint", "init", "telemetry", "test", "completion", "version"),
    )
}


class ErrorGroup(LazyGroup):
    """Turns Beacon's errors into a message on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(str(error), err=True)
            sys.exit(exit_codes.CONFIGURATION)
        except BeaconError as error:
            click.echo(f"beacon: {error}", err=True)
            sys.exit(exit_codes.FAILED)


@click.group(cls=ErrorGroup, lazy=COMMANDS, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="beacon")
def main() -> None:
    """Take the telemetry of command-line tools and coding agents in, make it safe and uniform, and deliver it."""
