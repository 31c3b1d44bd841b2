"""`beacon validate`."""

from __future__ import annotations

from pathlib import Path

import click

from beacon_core.cli.options import load_graph, pipeline_options

EPILOG = """\b
Every component is built and nothing is started: no socket, no queue, no network. Exit code 78 if anything is wrong.
\b
Example:
  beacon validate --pipeline pipeline.yaml
"""


@click.command(epilog=EPILOG, short_help="Check a pipeline.")
@pipeline_options
def validate(files: tuple[Path, ...], sets: tuple[str, ...]) -> None:
    """Check a pipeline and report every problem with its place in the file."""
    graph = load_graph(files, sets)
    for warning in graph.warnings:
        click.echo(warning, err=True)
    plural = "s" if len(graph.pipelines) > 1 else ""
    click.echo(f"valid: {len(graph.pipelines)} pipeline{plural} ({', '.join(graph.pipelines)})")
