"""`beacon fingerprint`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.cli.processor_options import options_from_pipeline, processor_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beacon_core.processors.fingerprint.names import Found

EPILOG = """\b
The names of the host and of people are left out unless the pipeline's options switch them on.
The values are printed as they are: what a pipeline sends on has passed sanitize, too.
Where BEACON_RUN_ID is not set, beacon.run.id is another one in each run.
\b
Examples:
  beacon fingerprint                                what the processor adds here, with its default options
  beacon fingerprint --explain                      and where each value comes from
  beacon fingerprint --pipeline pipeline.yaml       with the options of a pipeline
  beacon fingerprint --json                         for programs
"""


@click.command(epilog=EPILOG, short_help="Print what is known about the environment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--explain", is_flag=True, help="Say where each value comes from.")
@options_from_pipeline("fingerprint")
def fingerprint(as_json: bool, explain: bool, files: tuple[Path, ...], sets: tuple[str, ...]) -> None:
    """Print the attributes that the `fingerprint` processor adds to the resource of every event."""
    from beacon_core.processors.fingerprint import (  # noqa: PLC0415 - heavy
        FingerprintConfig,
        describe_environment,
        load_rows,
        working_directory,
    )

    config = processor_options(files, sets, "fingerprint", FingerprintConfig)
    rows = load_rows(config.providers)
    found = describe_environment(config, os.environ, rows=rows, directory=working_directory())
    if as_json:
        click.echo(json.dumps(_for_programs(found, explain), indent=2, sort_keys=True))
    else:
        _print_table(found, explain)


def _for_programs(found: Mapping[str, Found], explain: bool) -> dict[str, object]:
    if not explain:
        return {name: each.value for name, each in found.items()}
    return {name: {"value": each.value, "from": each.origin} for name, each in found.items()}


def _print_table(found: Mapping[str, Found], explain: bool) -> None:
    rows = [(name, _word(each.value), each.origin) for name, each in sorted(found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(2)] if rows else [0, 0]
    for name, value, origin in rows:
        line = f"{name.ljust(widths[0])}  {value.ljust(min(widths[1], _WIDE))}"
        click.echo(f"{line}  {origin}" if explain else line.rstrip())


_WIDE = 60  # a column is not made wider for one long address


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
