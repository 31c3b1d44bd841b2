"""`beacon ci`."""

from __future__ import annotations

import click

from beacon_core.cli.ci_exec import exec_
from beacon_core.cli.ci_print_env import print_env
from beacon_core.cli.ci_print_pipeline import print_pipeline
from beacon_core.cli.ci_start import start
from beacon_core.cli.ci_status import status
from beacon_core.cli.ci_stop import stop
from beacon_core.cli.ci_validate import validate

EPILOG = """\b
exec wraps one command. start and stop are for steps that cannot be wrapped: what runs between them reports.
\b
Examples:
  beacon ci exec -- claude -p 'Fix the tests'
  beacon ci start --harness claude
  beacon ci stop
"""


@click.group(epilog=EPILOG)
def ci() -> None:
    """Collect what coding agents report in a CI job, check that it came, and deliver it."""


ci.add_command(exec_)
ci.add_command(start)
ci.add_command(stop)
ci.add_command(stop, "finish")
ci.add_command(status)
ci.add_command(validate)
ci.add_command(print_pipeline)
ci.add_command(print_env)
