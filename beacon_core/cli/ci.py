"""`beacon ci`."""

from __future__ import annotations

import click

from beacon_core.cli.lazy import LazyGroup

EPILOG = """\b
exec wraps one command. start and stop are for steps that cannot be wrapped: what runs between them reports.
\b
Examples:
  beacon ci exec -- claude -p 'Fix the tests'
  beacon ci start --harness claude
  beacon ci stop
"""


COMMANDS = {
    "exec": "ci_exec:exec_",
    "start": "ci_start:start",
    "stop": "ci_stop:stop",
    "finish": "ci_stop:stop",
    "status": "ci_status:status",
    "validate": "ci_validate:validate",
    "print-pipeline": "ci_print_pipeline:print_pipeline",
    "print-env": "ci_print_env:print_env",
}


@click.group(cls=LazyGroup, lazy={name: f"beacon_core.cli.{place}" for name, place in COMMANDS.items()}, epilog=EPILOG)
def ci() -> None:
    """Collect what coding agents report in a CI job, check that it came, and deliver it."""
