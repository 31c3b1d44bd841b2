"""`beacon ci print-pipeline`."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  beacon ci print-pipeline > pipeline.yaml
  beacon ci print-pipeline --forward splunk
"""


@click.command("print-pipeline", epilog=EPILOG, short_help="Print the pipeline that a session runs.")
@click.option("--forward", type=click.Choice(["splunk", "datadog"]), help="With the exporter of a destination.")
def print_pipeline(forward: str | None) -> None:
    """Print the pipeline that a session runs where no --pipeline is given, to begin one of your own with."""
    from beacon_core.ci.pipelines import FOLDER  # noqa: PLC0415 - the help needs none of it

    if forward is None:
        click.echo((FOLDER / "pipeline.yaml").read_text(encoding="utf-8"), nl=False)
        return
    import yaml  # noqa: PLC0415 - heavy

    from beacon_core.config import load  # noqa: PLC0415 - heavy

    files = [FOLDER / "pipeline.yaml", FOLDER / f"{forward}.yaml"]
    document = load(files, environ={}, facts=dict)
    click.echo(yaml.safe_dump(document.effective(()), sort_keys=False, width=120), nl=False)
