"""`beacon run --drain`: delivers what queues hold that an earlier run has left, and accepts nothing."""

from __future__ import annotations

import os
from pathlib import Path

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.options import load_graph
from beacon_core.cli.signals import obey_signals
from beacon_core.errors import ConfigurationError
from beacon_core.queues.sqlite import SqliteQueue, SqliteQueueConfig
from beacon_core.receipt import Receipt, add_up, receipt_text
from beacon_core.service import Service, check_writable, write_json

_TIMEOUT = 300.0  # seconds


def drain(
    folder: Path, files: tuple[Path, ...], sets: tuple[str, ...], *, receipt_file: Path | None, timeout: float | None
) -> int:
    """Deliver what the queues in a folder hold; print the receipt, and return the exit code.

    Args:
        folder: where the queues are: `queue.db`, and others whose names begin and end like that.
        files: the pipeline; `pipeline.yaml` in the folder if there is none.
        sets: changes to it.
        receipt_file: where to write the receipt, summed over all queues.
        timeout: seconds that each queue gets; what is left then stays queued. A signal has the same effect at once.

    Raises:
        ConfigurationError: there is no queue, or something is wrong with the pipeline.
    """
    queues = sorted(folder.glob("queue*.db"))
    if not queues:
        raise ConfigurationError(f"{folder} holds no queue (queue.db); nothing to deliver")
    if receipt_file is not None:
        check_writable(receipt_file)
    os.environ.setdefault("BEACON_CI_LOG_PATH", str(folder / "runtime.jsonl"))  # where a session's own has no meaning
    receipts: list[Receipt] = []
    for path in filter(Path.exists, queues):  # the first of a run with several processes takes the others' over
        receipt, number = _drain(path, files or (folder / "pipeline.yaml",), sets, timeout)
        receipts.append(receipt)
        if number:
            break
    total = add_up(receipts)
    if receipt_file is not None:
        write_json(receipt_file, total)
    click.echo(receipt_text(total), err=True)
    if number:
        return 128 + number
    return exit_codes.UNAVAILABLE if total.queued else 0 if total.balanced else exit_codes.FAILED


def _drain(path: Path, files: tuple[Path, ...], sets: tuple[str, ...], timeout: float | None) -> tuple[Receipt, int]:
    """Return the receipt of one queue, and the signal that cut it short or 0."""
    graph = load_graph(files, sets)
    graph.queue = SqliteQueue(SqliteQueueConfig(path=path))
    graph.receivers.clear()
    service = Service(graph, drain_timeout=_TIMEOUT if timeout is None else timeout)
    service.stop()  # there is nothing to wait for; the next one, by a signal, cuts the drain short
    signals = obey_signals(service)
    receipt = service.run()
    return receipt, signals[-1] if service.aborted else 0
