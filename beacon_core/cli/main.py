"""The `beacon` command.

This module and those of its commands import click and the standard library, nothing else: what a command needs is
imported when it runs, so that `beacon --help` is quick.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from beacon_core import __version__
from beacon_core.cli import exit_codes
from beacon_core.cli.canonicalize import canonicalize
from beacon_core.cli.ci import ci
from beacon_core.cli.completion import completion
from beacon_core.cli.components import components
from beacon_core.cli.doctor import doctor
from beacon_core.cli.fingerprint import fingerprint
from beacon_core.cli.init import init
from beacon_core.cli.plugins import plugins
from beacon_core.cli.queue import queue
from beacon_core.cli.report import report
from beacon_core.cli.run import run
from beacon_core.cli.sanitize import sanitize
from beacon_core.cli.telemetry import telemetry
from beacon_core.cli.test import test
from beacon_core.cli.validate import validate
from beacon_core.cli.version import version
from beacon_core.errors import BeaconError, ConfigurationError

EPILOG = """\b
Examples:
  beacon init
  beacon validate --pipeline pipeline.yaml
  beacon run --pipeline pipeline.yaml --receipt receipt.json
  beacon components exporters
"""


class ErrorGroup(click.Group):
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


@click.group(cls=ErrorGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="beacon")
def main() -> None:
    """Take the telemetry of command-line tools and coding agents in, make it safe and uniform, and deliver it."""


main.add_command(init)
main.add_command(run)
main.add_command(validate)
main.add_command(test)
main.add_command(ci)
main.add_command(doctor)
main.add_command(components)
main.add_command(plugins)
main.add_command(canonicalize)
main.add_command(queue)
main.add_command(report)
main.add_command(sanitize)
main.add_command(fingerprint)
main.add_command(telemetry)
main.add_command(completion)
main.add_command(version)
