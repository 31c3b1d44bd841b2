"""`beacon report`."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from beacon_core.report import Report

_STDIN = Path("-")
_FORMATS = ("table", "json", "markdown", "html")
_FORMAT_OF = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"(\d{1,9})([smhd])")

EPILOG = """\b
FILE is what the file exporter wrote, such as runtime.jsonl; parts that it put aside beside it are read, too, also
compressed ones. - is standard input. Lines that are no event are left out, and their number is said on stderr.
\b
Examples:
  beacon report runtime.jsonl
  beacon report runtime.jsonl --receipt receipt.json -o run.html
  beacon report runtime.jsonl --format markdown >> "$GITHUB_STEP_SUMMARY"
  beacon report --queue state/queue.db --since 2h
  beacon report runtime.jsonl --json > report.json
"""


def _since(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """Return Unix nanoseconds."""
    if value is None:
        return 0
    ago = _AGO.fullmatch(value)
    if ago:
        return time.time_ns() - int(ago[1]) * _UNITS[ago[2]] * 1_000_000_000
    from beacon_core.event import parse_rfc3339  # noqa: PLC0415 - heavy

    moment = parse_rfc3339(value if "T" in value else f"{value}T00:00:00Z")
    if moment is None:
        raise click.BadParameter(
            f"{value!r} is no time: give one such as 2026-01-31T12:00:00Z or 2026-01-31, or 30m, 2h, 7d"
        )
    return moment


@click.command(epilog=EPILOG, short_help="Report what agents did: sessions, tools, tokens, cost.")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--queue", "queue", metavar="FILE", type=click.Path(path_type=Path), help="Read what waits in a queue.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="What to print. Default: what the name of --output ends with, else table.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to a file.")
@click.option(
    "--receipt",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The receipt of `beacon run`: says what became of the events, exporter by exporter.",
)
@click.option(
    "--since",
    metavar="TIME",
    callback=_since,
    help="Leave out what happened before: 2026-01-31T12:00:00Z, 2026-01-31, or so long ago: 30m, 2h, 7d.",
)
def report(
    *,
    files: tuple[Path, ...],
    queue: Path | None,
    form: str | None,
    as_json: bool,
    output: Path | None,
    receipt: Path | None,
    since: int,
) -> None:
    """Report what agents did: sessions, tools, commands, files, errors, tokens, cost, and what was redacted."""
    form = _form(form, output, as_json=as_json)
    if not files and queue is None:
        raise click.UsageError("name a file that the file exporter wrote, or a queue with --queue")
    told = _receipt(receipt)
    found = _read(files, queue, since)
    text = _FORMS[form](found, told)
    if output is not None:
        _write(output, text)
    else:
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        sys.stdout.buffer.flush()
    if found.damaged:
        click.echo(f"left out: {found.damaged} line{'s' if found.damaged > 1 else ''}, not an event", err=True)


# ---- what to read ----


def _read(files: tuple[Path, ...], queue: Path | None, since: int) -> Report:
    from beacon_core.report import report_on  # noqa: PLC0415 - heavy

    damaged: list[int] = []
    found = report_on(_lines(files, queue, damaged), since_unix_nano=since)
    if damaged:
        click.echo(f"left out: {len(damaged)} batches that cannot be read; see: beacon queue verify", err=True)
    return found


def _lines(files: tuple[Path, ...], queue: Path | None, damaged: list[int]) -> Iterator[bytes]:
    from beacon_core.report import lines_of, split_lines  # noqa: PLC0415 - heavy

    yield from lines_of(path for path in files if path != _STDIN)
    if _STDIN in files:
        yield from split_lines(sys.stdin.buffer)
    if queue is not None:
        from beacon_core.queues.sqlite.inspection import events_once  # noqa: PLC0415 - heavy

        yield from events_once(queue, damaged)


def _receipt(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from beacon_core.errors import BeaconError  # noqa: PLC0415
    from beacon_core.report import delivery  # noqa: PLC0415 - heavy

    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
        delivery(told)
    except OSError as error:
        raise BeaconError(f"{path}: {error.strerror}; beacon run writes it with --receipt") from None
    except ValueError as error:
        raise BeaconError(f"{path}: {error}") from None
    return told


# ---- what to write ----


def _form(form: str | None, output: Path | None, *, as_json: bool) -> str:
    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json and --format {form} contradict each other")
    if as_json:
        return "json"
    ending = output.suffix.lower() if output is not None else ""
    return form or _FORMAT_OF.get(ending, "table")


def _write(path: Path, text: str) -> None:
    from beacon_core.errors import BeaconError  # noqa: PLC0415

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise BeaconError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}", err=True)


def _table(found: Report, told: dict[str, Any] | None) -> str:
    from beacon_core.report import as_text  # noqa: PLC0415 - heavy

    return as_text(found, told)


def _json(found: Report, told: dict[str, Any] | None) -> str:
    from beacon_core.report import as_json  # noqa: PLC0415 - heavy

    return json.dumps(as_json(found, told), indent=2) + "\n"


def _markdown(found: Report, told: dict[str, Any] | None) -> str:
    from beacon_core.report import as_markdown  # noqa: PLC0415 - heavy

    return as_markdown(found, told)


def _html(found: Report, told: dict[str, Any] | None) -> str:
    from beacon_core.report import as_html  # noqa: PLC0415 - heavy

    return as_html(found, told)


_FORMS = {"table": _table, "json": _json, "markdown": _markdown, "html": _html}
