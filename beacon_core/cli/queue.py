"""`beacon queue`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    from beacon_core.queues.sqlite.dead_letters import DeadLetter, Selection
    from beacon_core.queues.sqlite.inspection import ExporterStatus, Status

Command: TypeAlias = Callable[..., None]

_REASON_WIDTH = 60

EPILOG = """\b
The file is that of --queue, else that of the pipeline, else the default one. Looking works while a run has it open.
\b
Examples:
  beacon queue status --pipeline pipeline.yaml
  beacon queue list --queue state/queue.db --exporter splunk_hec
  beacon queue show --queue state/queue.db 17
  beacon queue retry --queue state/queue.db --all --exporter splunk_hec
  beacon queue export --queue state/queue.db > dead-letters.jsonl
"""


@click.group(epilog=EPILOG)
def queue() -> None:
    """Look into a queue's file: what waits, what was put aside as dead letters, what is wrong with it."""


def queue_options(command: Command) -> Command:
    """Add the options that say which queue, and `--json`; the command gets `path` and `as_json`."""

    @wraps(command)
    def located(*, queue_file: Path | None, files: tuple[Path, ...], sets: tuple[str, ...], **rest: Any) -> None:
        command(path=_queue_path(queue_file, files, sets), **rest)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change one option of the pipeline."),
        click.option(
            *("-p", "--pipeline", "files"),
            metavar="FILE",
            multiple=True,
            type=click.Path(path_type=Path),
            help="The pipeline whose queue it is; repeatable, as for `beacon run`.",
        ),
        click.option(
            *("--queue", "queue_file"),
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="The queue's file. Default: that of the pipeline, else `queue.db` in the user's state folder.",
        ),
    ):
        located = option(located)
    return located


def selection_options(command: Command) -> Command:
    """Add ids, `--all` and `--exporter`; the command gets `selection`."""

    @wraps(command)
    def selected(*, ids: tuple[int, ...], everything: bool, exporter: str | None, **rest: Any) -> None:
        from beacon_core.queues.sqlite.dead_letters import Selection  # noqa: PLC0415 - heavy

        if bool(ids) == everything:
            raise click.UsageError("name dead letters by their ids (see: beacon queue list), or all of them with --all")
        command(selection=Selection(ids or None, exporter), **rest)

    selected = click.option("--exporter", metavar="ID", help="Only those of this exporter.")(selected)
    selected = click.option("--all", "everything", is_flag=True, help="All dead letters, or all of --exporter.")(
        selected
    )
    return click.argument("ids", metavar="[ID]...", nargs=-1, type=int)(selected)


@queue.command()
@queue_options
def status(*, path: Path, as_json: bool) -> None:
    """Show what is in the queue, and which process holds it."""
    from beacon_core.queues.sqlite import inspection  # noqa: PLC0415 - heavy

    found = inspection.status(path, time.time_ns())
    if as_json:
        _print_json(found)
    else:
        _print_status(found)


@queue.command("list")
@queue_options
@click.option("--exporter", metavar="ID", help="Only those of this exporter.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most so many, the oldest first.")
def list_(*, path: Path, as_json: bool, exporter: str | None, limit: int | None) -> None:
    """List the dead letters."""
    from beacon_core.queues.sqlite.dead_letters import Selection, dead_letters  # noqa: PLC0415 - heavy

    rows = [
        {
            "id": letter.id,
            "exporter": letter.exporter,
            "first_time": letter.first_time,
            "last_time": letter.last_time,
            "attempts": letter.attempts,
            "reason": _shortened(letter.reason),
            "event_name": letter.event_name,
        }
        for letter in dead_letters(path, Selection(None, exporter), limit)
    ]
    if as_json:
        _print_json(rows)
    elif rows:
        _print_table([[name.upper().replace("_", " ") for name in rows[0]], *(_list_row(row) for row in rows)])
    else:
        click.echo("no dead letters", err=True)


@queue.command()
@queue_options
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
def show(*, path: Path, as_json: bool, ids: tuple[int, ...]) -> None:
    """Show dead letters whole, as JSON; with --json as one JSON list."""
    from beacon_core.queues.sqlite.dead_letters import Selection, dead_letters  # noqa: PLC0415 - heavy

    found = [{"id": letter.id} | _record(letter) for letter in dead_letters(path, Selection(ids))]
    for value in [found] if as_json else found:
        _print_json(value)


@queue.command()
@queue_options
@selection_options
def retry(*, path: Path, as_json: bool, selection: Selection) -> None:
    """Put dead letters back into the queue, for the exporter they are of; the next run delivers them.

    No process may have the queue open.
    """
    from beacon_core.queues.sqlite import dead_letters  # noqa: PLC0415 - heavy

    done = dead_letters.retry(path, selection)
    if as_json:
        _print_json(done)
    else:
        click.echo(f"put back into the queue: {_counts(done.retried)}")
    if done.unreadable:
        ids = ", ".join(map(str, done.unreadable))
        click.echo(f"cannot be read and stay dead letters: {ids}", err=True)
        sys.exit(1)


@queue.command()
@queue_options
@selection_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(*, path: Path, as_json: bool, selection: Selection, yes: bool) -> None:
    """Delete dead letters for good."""
    from beacon_core.queues.sqlite import dead_letters  # noqa: PLC0415 - heavy

    doomed = dead_letters.tally(path, selection)
    if doomed and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is nobody to ask; to delete dead letters for good add --yes")
        click.confirm(f"Delete for good: {_counts(doomed)}?", abort=True, err=True)
    deleted = dead_letters.drop(path, selection)
    if as_json:
        _print_json({"deleted": deleted})
    else:
        click.echo(f"deleted: {_counts(deleted)}")


@queue.command()
@queue_options
@click.option("--exporter", metavar="ID", help="Only those of this exporter.")
@click.option("--queued", is_flag=True, help="The events that wait instead, each once for every exporter.")
def export(*, path: Path, as_json: bool, exporter: str | None, queued: bool) -> None:  # noqa: ARG001 - JSON anyway
    """Print dead letters as JSON lines, the oldest first; nothing is taken out of the queue."""
    import msgspec  # noqa: PLC0415 - heavy

    from beacon_core.queues.sqlite.dead_letters import Selection, dead_letters  # noqa: PLC0415 - heavy
    from beacon_core.queues.sqlite.inspection import waiting_events  # noqa: PLC0415 - heavy

    out = sys.stdout.buffer
    if not queued:
        for letter in dead_letters(path, Selection(None, exporter)):
            out.write(msgspec.json.encode(_record(letter)) + b"\n")
        return
    damaged: list[int] = []
    for line in waiting_events(path, exporter, damaged):
        out.write(line)
    if damaged:
        out.flush()
        click.echo(f"left out: {len(set(damaged))} batches that cannot be read; see: beacon queue verify", err=True)
        sys.exit(1)


@queue.command()
@queue_options
def verify(*, path: Path, as_json: bool) -> None:
    """Read the whole queue and list what is wrong; exit code 1 if anything is."""
    from beacon_core.queues.sqlite import inspection  # noqa: PLC0415 - heavy

    found = inspection.verify(path)
    if as_json:
        _print_json(found)
    else:
        for problem in found.problems:
            click.echo(problem)
        click.echo(
            f"{found.batches} batches ({found.stored_bytes} bytes), {found.events} events to deliver,"
            f" {found.dead_letters} dead letters, {found.quarantined_batches} quarantined batches:"
            f" {len(found.problems) or 'nothing'} wrong",
            err=True,
        )
    sys.exit(1 if found.problems else 0)


# ---- which queue ----


def _queue_path(queue_file: Path | None, files: tuple[Path, ...], sets: tuple[str, ...]) -> Path:
    if queue_file is not None and (files or sets):
        raise click.UsageError("name the queue with --queue, or its pipeline with --pipeline, not both")
    if sets and not files:
        raise click.UsageError("--set changes a pipeline; name it with --pipeline")
    if queue_file is not None:
        return queue_file
    from beacon_core.queues.sqlite.config import default_path  # noqa: PLC0415 - heavy

    return (_configured_path(files, sets) if files else None) or default_path()


def _configured_path(files: tuple[Path, ...], sets: tuple[str, ...]) -> Path | None:
    """Return the path in a pipeline; what else is wrong, such as a token that is not set here, does not matter."""
    from beacon_core import config  # noqa: PLC0415 - heavy
    from beacon_core.errors import ConfigurationError  # noqa: PLC0415
    from beacon_core.processors.fingerprint import facts  # noqa: PLC0415 - heavy
    from beacon_core.queues.sqlite import SqliteQueueConfig  # noqa: PLC0415 - heavy

    document = config.load(files, sets=sets, environ=os.environ, facts=lambda: facts(os.environ))
    selected = document.validate(("service", "queue"), config.QueueSelection, document.problems)
    if selected is not None and selected.type != "sqlite":
        raise ConfigurationError(f"the pipeline's queue is {selected.type!r}; only a queue of type sqlite has a file")
    options = document.validate(("service", "queue"), SqliteQueueConfig, document.problems, exclude=("type",))
    if options is None:
        document.problems.raise_if_any()
        return None
    return options.path


# ---- printing ----


def _print_json(value: object) -> None:
    import msgspec  # noqa: PLC0415 - heavy

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _record(letter: DeadLetter) -> dict[str, Any]:
    members = ("reason", "exporter", "attempts", "first_time", "last_time", "event")
    return {name: getattr(letter, name) for name in members}


def _print_status(found: Status) -> None:
    held = (
        f"process {found.held_by or '(unknown)'}" if found.held else "no process" if found.held is False else "unknown"
    )
    click.echo(f"queue: {found.path} (schema {found.schema_version})")
    click.echo(f"size: {found.size_bytes} bytes on disk, {found.stored_bytes} bytes in batches")
    click.echo(f"held by: {held}")
    if found.quarantined_batches:
        click.echo(f"quarantined: {found.quarantined_batches} batches")
    for name in found.damaged_files:
        click.echo(f"set aside: {name}")
    rows = [_status_row(name, each) for name, each in found.exporters.items()]
    _print_table([["EXPORTER", "EVENTS", "BATCHES", "OLDEST", "DEAD LETTERS"], *rows])


def _status_row(name: str, each: ExporterStatus) -> list[object]:
    return [name, each.events, each.batches, _age(each.oldest_age_seconds), each.dead_letters]


def _list_row(row: dict[str, Any]) -> list[object]:
    """Return a row for people: whole seconds are enough."""
    return [f"{cell[:19]}Z" if name.endswith("_time") else cell for name, cell in row.items()]


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _print_table(rows: list[list[object]]) -> None:
    cells = [[_printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _printable(text: str) -> str:
    """Return a text for a terminal: what came from outside may hold control characters."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _shortened(text: str) -> str:
    return text if len(text) <= _REASON_WIDTH else f"{text[: _REASON_WIDTH - 1]}…"


def _counts(numbers: dict[str, int]) -> str:
    """Return numbers of dead letters by exporter in words."""
    return ", ".join(f"{number} of {name}" for name, number in numbers.items()) or "nothing"
