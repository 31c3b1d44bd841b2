"""`beacon run`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.options import load_graph, pipeline_options, set_up_logging

if TYPE_CHECKING:
    from beacon_core.service import Service

EPILOG = """\b
The receipt on stderr says what became of every event. SIGTERM and Ctrl-C drain and end; a second one ends at once.
SIGHUP reads the configuration again: what is unchanged goes on without a pause; if it is wrong, nothing changes.
With --once what is left to be delivered at the end makes the exit code 69; it stays in the queue for the next run.
\b
Examples:
  beacon run --pipeline pipeline.yaml
  beacon run -p base.yaml -p ci.yaml --ready-file ready.json --receipt receipt.json
  some-tool --json | beacon run -p stdin.yaml
  beacon run --once -p spool.yaml --drain-timeout 10s
"""


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    from beacon_core.config.options import parse_duration  # noqa: PLC0415 - heavy

    try:
        return float(str(parse_duration(value)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


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
    "--once",
    is_flag=True,
    help="Take what is there, deliver it, end. Needs receivers that come to an end, such as spool or stdin.",
)
@click.option(
    "--drain-timeout",
    metavar="DURATION",
    callback=_seconds,
    help="How long the exporters may go on at the end, for example 30s. Default: 10s after a signal, 30s with --once, "
    "else no limit.",
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
    once: bool,
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
    service = Service(graph, drain_timeout=drain_timeout, once=once, load=lambda: load_graph(files, sets))
    signals = _listen_to_signals(service)
    receipt = service.run(ready_file=ready_file)
    if receipt_file is not None:
        write_json(receipt_file, receipt)
    click.echo(receipt_text(receipt), err=True)
    if service.aborted:
        sys.exit(128 + signals[-1])
    if service.failed or not receipt.balanced:
        sys.exit(exit_codes.FAILED)
    sys.exit(exit_codes.UNAVAILABLE if once and receipt.queued else 0)


def _listen_to_signals(service: Service) -> list[int]:
    """Stop and reload when a signal says so; return the list of those that said stop, which grows."""
    signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        signals.append(number)
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
    return signals
