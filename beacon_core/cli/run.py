"""`beacon run`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.cli.options import load_graph, pipeline_options, set_up_logging
from beacon_core.files import write_private

if TYPE_CHECKING:
    from beacon_core.loader import Graph
    from beacon_core.service import Service

#: Who starts Beacon in the background puts a random text here and looks for it in the ready file.
NONCE = "BEACON_NONCE"

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
    "--effective",
    "effective_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the pipeline in effect (YAML, without secrets: references stay) before anything starts.",
)
@click.option(
    "--drain-timeout",
    metavar="DURATION",
    callback=_seconds,
    help="How long the exporters may go on at the end, for example 30s. Default: 10s after a signal, else no limit.",
)
@click.option(
    "--until-eof",
    is_flag=True,
    help="Drain and end when stdin is closed: the run then outlives the program that started it by the drain only.",
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
    effective_file: Path | None,
    drain_timeout: float | None,
    until_eof: bool,
    log_level: str,
) -> None:
    """Run a pipeline until a signal comes or every receiver is at its end."""
    set_up_logging(log_level)
    graph = load_graph(files, sets)
    from beacon_core.service import Service, check_writable, receipt_text, write_json  # noqa: PLC0415 - heavy

    for file in (ready_file, receipt_file, effective_file):
        if file is not None:
            check_writable(file)
    if effective_file is not None:
        _write_effective(effective_file, graph)
    service = Service(graph, drain_timeout=drain_timeout, load=lambda: load_graph(files, sets))
    signals = _obey_signals(service)
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(service,), name="stdin", daemon=True).start()
    receipt = service.run(ready_file=ready_file, announce=_proof(graph))
    if receipt_file is not None:
        write_json(receipt_file, receipt)
    click.echo(receipt_text(receipt), err=True)
    if service.aborted:
        sys.exit(128 + signals[-1])
    sys.exit(0 if receipt.balanced and not service.failed else 1)


def _obey_signals(service: Service) -> list[int]:
    """Let signals end the run or read its configuration again; the list gets the numbers of those that end it."""
    signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        signals.append(number)
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
    return signals


def _stop_at_eof(service: Service) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would be held at the end of the interpreter
        pass
    service.stop()


def _proof(graph: Graph) -> dict[str, object]:
    """Return what the ready file says to whoever started Beacon, and nobody else could know.

    The names of the variables with secrets are there for it to keep from the programs that it starts.
    """
    nonce = os.environ.get(NONCE)
    return {"nonce": nonce, "secret_variables": graph.secret_variables(os.environ)} if nonce else {}


def _write_effective(path: Path, graph: Graph) -> None:
    import yaml  # noqa: PLC0415 - heavy

    text = yaml.safe_dump(graph.effective(), sort_keys=False, allow_unicode=True, width=120)
    write_private(path, f"# The pipeline in effect, written by beacon run.\n{text}".encode())
