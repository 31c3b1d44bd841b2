"""`beacon sanitize`."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import IO

import click

_FOUND = 1

EPILOG = """\b
The same rules as in a pipeline, with their default options. Lines of JSON stay JSON; nothing is cut. The values of
secret-looking environment variables are found, too. The summary by rule goes to stderr.
\b
Examples:
  beacon sanitize build.log > clean.log
  some-command | beacon sanitize -
  beacon sanitize --check --json dist/*.txt
"""


@click.command(epilog=EPILOG, short_help="Remove secrets from files.")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--check", is_flag=True, help="Print no text; exit with 1 if anything is found.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of for people.")
def sanitize(files: tuple[str, ...], check: bool, as_json: bool) -> None:
    """Print files, or standard input for -, without secrets and personal data."""
    total: Counter[str] = Counter()
    places: list[dict[str, object]] = []
    for name in files:
        try:
            with click.open_file(name, "rb") as file:
                found = _sanitize(file, None if check else sys.stdout.buffer)
        except OSError as error:
            raise click.FileError(name, error.strerror) from None
        for rule_id, number in found:
            total[rule_id] += 1
            places.append({"file": name, "line": number, "rule": rule_id})
    if as_json:
        summary = {"found": total.total(), "rules": dict(sorted(total.items())), "places": places}
        click.echo(json.dumps(summary), err=not check)
    else:
        _print_summary(total, places if check else [])
    if check and total:
        sys.exit(_FOUND)


def _sanitize(file: IO[bytes], output: IO[bytes] | None) -> list[tuple[str, int]]:
    """Write a file without secrets to `output`; return what was found, by rule and number of line."""
    from beacon_core.processors.sanitize import (  # noqa: PLC0415 - not needed for --help
        KnownValues,
        SanitizeConfig,
        make_redactor,
        redact_lines,
        secret_variables,
    )

    redactor = make_redactor(SanitizeConfig(), KnownValues(secret_variables(os.environ)))
    found = []
    for line in redact_lines(redactor, (data.decode("utf-8", "surrogateescape") for data in file)):
        found += [(rule_id, line.number) for rule_id, count in line.counts.items() for _ in range(count)]
        if output is not None:
            output.write(line.text.encode("utf-8", "surrogateescape"))
    return found


def _print_summary(total: Counter[str], places: list[dict[str, object]]) -> None:
    for place in places:
        click.echo(f"{place['file']}:{place['line']}: {place['rule']}", err=True)
    for rule_id, count in total.most_common():
        click.echo(f"{count:8} {rule_id}", err=True)
    click.echo(f"{total.total():8} found" if total else "nothing found", err=True)
