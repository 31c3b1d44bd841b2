"""`beacon canonicalize`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from beacon_core.cli.processor_options import options_from_pipeline, processor_options

EPILOG = """\b
Examples:
  beacon canonicalize --explain tool_name                what becomes of an attribute
  beacon canonicalize --explain claude_code.tool_result  what becomes of an event
  beacon canonicalize --explain prompt.submitted         what has this canonical name
  beacon canonicalize --explain org --table names.yaml   with tables of your own
  beacon canonicalize --explain org -p pipeline.yaml     with the packs and tables of a pipeline
"""


@click.command(epilog=EPILOG, short_help="Say which table maps a name to what.")
@click.option("--explain", "name", metavar="NAME", required=True, help="The event, attribute, value or agent.")
@click.option(
    "--table",
    "tables",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A table file of your own, as in the option `tables` of canonicalize; repeatable.",
)
@options_from_pipeline("canonicalize")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def canonicalize(
    name: str, tables: tuple[Path, ...], files: tuple[Path, ...], sets: tuple[str, ...], as_json: bool
) -> None:
    """Say which table (file:line) maps a name to what, and what maps to it."""
    from beacon_core.processors.canonicalize import (  # noqa: PLC0415 - heavy
        CanonicalizeConfig,
        load_files,
        load_tables,
    )
    from beacon_core.processors.canonicalize.explanation import explain  # noqa: PLC0415

    config = processor_options(files, sets, "canonicalize", CanonicalizeConfig)
    config = config.model_copy(update={"tables": [*config.tables, *tables]})
    load_tables(config)  # what is ambiguous cannot be explained
    found = explain(load_files(config), name)
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo(
            f"no table says anything about {name}: it passes unchanged, in events of agents as part of beacon.raw"
        )
    for finding in found:
        agents = f"  ({', '.join(finding.agents)})" if finding.agents else ""
        replaced = f"  replaced by {finding.replaced_by}" if finding.replaced_by else ""
        click.echo(f"{finding.position or '-'}  {finding.kind}  {finding.says}{agents}{replaced}")
