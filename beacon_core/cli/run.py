"""`beacon run`."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.options import load_graph, pipeline_options, set_up_logging
from beacon_core.cli.signals import obey_signals, stop_at_eof
from beacon_core.files import write_private

if TYPE_CHECKING:
    from beacon_core.loader import Graph
    from beacon_core.receipt import Receipt
    from beacon_core.service.processes import Processes

#: Who starts Beacon in the background puts a random text here and looks for it in the ready file.
NONCE = "BEACON_NONCE"

#: How many new objects the garbage collector looks at together. Events make no cycles, so nearly all that it would find
#: alive by looking more often (Python's own number is some hundred) is batches on their way: 3 % of all work.
YOUNG_OBJECTS = 20_000

EPILOG = """\b
The receipt on stderr says what became of every event. SIGTERM and Ctrl-C drain and end; a second one ends at once.
SIGHUP reads the configuration again: what is unchanged goes on without a pause; if it is wrong, nothing changes.
With --once what is left to be delivered at the end makes the exit code 69; it stays in the queue for the next run.
\b
Examples:
  beacon run --pipeline pipeline.yaml
  beacon run -p base.yaml -p ci.yaml --ready-file ready.json --receipt receipt.json
  beacon run --drain spool --drain-timeout 2m
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


def _several() -> type[Processes]:
    from beacon_core.service.processes import Processes  # noqa: PLC0415 - multiprocessing, for those who want it

    return Processes


@click.command(epilog=EPILOG, short_help="Run a pipeline.")
@partial(pipeline_options, required=False)
@click.option(
    "--drain",
    "drain_folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Accept nothing; deliver what the queues in DIR hold, then end. Default pipeline: DIR/pipeline.yaml.",
)
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
    help="How long the exporters may go on at the end, for example 30s. Default: 10s after a signal, 30s with --once,"
    " 5m with --drain, else no limit.",
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
    drain_folder: Path | None,
    ready_file: Path | None,
    receipt_file: Path | None,
    once: bool,
    effective_file: Path | None,
    drain_timeout: float | None,
    until_eof: bool,
    log_level: str,
) -> None:
    """Run a pipeline until a signal comes or every receiver is at its end."""
    gc.disable()  # an eighth of the start, for nothing: what is made now stays; the service switches it on
    gc.set_threshold(YOUNG_OBJECTS)
    set_up_logging(log_level)
    if drain_folder is not None:
        from beacon_core.cli.drain import drain  # noqa: PLC0415 - heavy

        sys.exit(drain(drain_folder, files, sets, receipt_file=receipt_file, timeout=drain_timeout))
    if not files:
        raise click.UsageError("Missing option '-p' / '--pipeline'.")
    graph = load_graph(files, sets)
    from beacon_core.service import Service, check_writable, receipt_text, write_json  # noqa: PLC0415 - heavy

    for file in filter(None, (ready_file, receipt_file, effective_file)):
        check_writable(file)
    if effective_file is not None:
        _write_effective(effective_file, graph)
    load = partial(load_graph, files, sets)
    service: Service | Processes
    if graph.workers > 1 and not once:  # one pass is one process's; it takes over what others have left in their queues
        service = _several()(graph, drain_timeout=drain_timeout, load=load)
    else:
        service = Service(graph, drain_timeout=drain_timeout, once=once, load=load)
    signals = obey_signals(service)
    begun = partial(stop_at_eof, service) if until_eof else None
    receipt = service.run(ready_file=ready_file, announce=_proof(graph), begun=begun)
    gc.freeze()  # nothing is looked through at the exit, which frees it all
    if receipt_file is not None:
        write_json(receipt_file, receipt)
    click.echo(receipt_text(receipt), err=True)
    if service.aborted:
        sys.exit(128 + signals[-1])
    sys.exit(_exit_code(receipt, failed=service.failed, once=once))


def _exit_code(receipt: Receipt, *, failed: bool, once: bool) -> int:
    if failed or not receipt.balanced:
        return exit_codes.FAILED
    return exit_codes.UNAVAILABLE if once and receipt.queued else 0


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
