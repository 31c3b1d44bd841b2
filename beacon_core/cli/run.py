"""`beacon run`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.cli.options import load_graph, pipeline_options, set_up_logging

if TYPE_CHECKING:
    from beacon_core.service.processes import Processes

EPILOG = """\b
The receipt on stderr says what became of every event. SIGTERM and Ctrl-C drain and end; a second one ends at once.
SIGHUP reads the configuration again: what is unchanged goes on without a pause; if it is wrong, nothing changes.
\b
Examples:
  beacon run --pipeline pipeline.yaml
  beacon run -p base.yaml -p ci.yaml --ready-file ready.json --receipt receipt.json
  some-tool --json | beacon run -p stdin.yaml
"""


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    from beacon_core.config.options import parse_duration  # noqa: PLC0415 - heavy

    try:
        return float(str(parse_duration(value)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _several() -> type[Processes]:
    from beacon_core.service.processes import Processes  # noqa: PLC0415 - multiprocessing, for those who want it

    return Processes


@click.command(epilog=EPILOG, short_help="Run a pipeline.")
@pipeline_options
@click.option(
    "--ready-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write process id and endpoints (JSON) as soon as every receiver accepts; removed at the end.",
)
@click.option(
    "--receipt",
    "receipt_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the receipt (JSON) at the end.",
)
@click.option(
    "--drain-timeout",
    metavar="DURATION",
    callback=_seconds,
    help="How long the exporters may go on at the end, for example 30s. Default: 10s after a signal, else no limit.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much to say on stderr.",
)
def run(
    *,
    files: tuple[Path, ...],
    sets: tuple[str, ...],
    ready_file: Path | None,
    receipt_file: Path | None,
    drain_timeout: float | None,
    log_level: str,
) -> None:
    """Run a pipeline until a signal comes or every receiver is at its end."""
    set_up_logging(log_level)
    graph = load_graph(files, sets)
    from beacon_core.service import Service, check_writable, receipt_text, write_json  # noqa: PLC0415 - heavy

    for file in (ready_file, receipt_file):
        if file is not None:
            check_writable(file)
    kind = _several() if graph.workers > 1 else Service
    service = kind(graph, drain_timeout=drain_timeout, load=lambda: load_graph(files, sets))
    signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        signals.append(number)
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
    receipt = service.run(ready_file=ready_file)
    if receipt_file is not None:
        write_json(receipt_file, receipt)
    click.echo(receipt_text(receipt), err=True)
    if service.aborted:
        sys.exit(128 + signals[-1])
    sys.exit(0 if receipt.balanced and not service.failed else 1)
