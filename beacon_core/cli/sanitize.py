"""`beacon sanitize`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.processor_options import options_from_pipeline, processor_options

if TYPE_CHECKING:
    from beacon_core.processors.sanitize import TextRedactor

_STDIN = "-"

EPILOG = """\b
The same rules as in a pipeline, with their default options or those of a pipeline; a line that is JSON stays JSON.
Lines are not cut, and allow-lists and content levels, which are about events, do not apply. The values of
secret-looking environment variables are found, too. The summary by rule goes to stderr.
\b
Examples:
  beacon sanitize build.log > clean.log
  some-command | beacon sanitize
  beacon sanitize --check --json dist/*.txt              exit code 1 if anything is found
  beacon sanitize --in-place logs/*.log                  what holds nothing is left as it is
  beacon sanitize --pipeline pipeline.yaml build.log     the rules and actions of a pipeline
"""


class Found(NamedTuple):
    """One find: the file and line where, the rule that made it."""

    file: str
    line: int
    rule: str


@click.command(epilog=EPILOG, short_help="Remove secrets from files.")
@click.argument("names", metavar="[FILES]...", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--check", is_flag=True, help="Print no text; exit with 1 if anything is found.")
@click.option("--in-place", is_flag=True, help="Change the files instead of printing them.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of for people.")
@options_from_pipeline("sanitize")
def sanitize(
    names: tuple[str, ...],
    *,
    check: bool,
    in_place: bool,
    as_json: bool,
    files: tuple[Path, ...],
    sets: tuple[str, ...],
) -> None:
    """Print files, or standard input, without secrets and personal data."""
    names = names or (_STDIN,)
    if in_place and (check or _STDIN in names):
        raise click.UsageError("--in-place changes files; it goes neither with --check nor with standard input")
    redactor = _redactor(files, sets)
    found: list[Found] = []
    for name in names:
        try:
            found += _sanitize_file(redactor, name, check=check, in_place=in_place)
        except OSError as error:
            raise click.FileError(name, error.strerror) from None
    if as_json:
        click.echo(json.dumps(_for_programs(found)), err=not (check or in_place))
    else:
        _print_summary(found, len(names), redactor, places=check)
    if check and found:
        sys.exit(exit_codes.FAILED)


def _redactor(files: tuple[Path, ...], sets: tuple[str, ...]) -> TextRedactor:
    from beacon_core.processors.sanitize import (  # noqa: PLC0415 - not needed for --help
        KnownValues,
        SanitizeConfig,
        make_redactor,
        secret_variables,
    )

    options = processor_options(files, sets, "sanitize", SanitizeConfig)
    return make_redactor(options, KnownValues(secret_variables(os.environ)))


def _sanitize_file(redactor: TextRedactor, name: str, *, check: bool, in_place: bool) -> list[Found]:
    """Write a file without secrets to where it belongs; return what was found."""
    with click.open_file(name, "rb") as file:
        if not in_place:
            return _sanitize(redactor, file, name, None if check else sys.stdout.buffer)
        with _replacement(Path(name).resolve()) as output:
            found = _sanitize(redactor, file, name, output)
            if not found:
                raise _UnchangedError
    return found


class _UnchangedError(Exception):
    """Nothing was found: the file stays as it is."""


@contextmanager
def _replacement(path: Path) -> Iterator[IO[bytes]]:
    """Give a new file that takes the place of another when it is whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as output:
        try:
            yield output
            output.close()
            shutil.copymode(path, output.name)
            Path(output.name).replace(path)
        except _UnchangedError:
            pass
        finally:
            output.close()
            Path(output.name).unlink(missing_ok=True)


def _sanitize(redactor: TextRedactor, file: IO[bytes], name: str, output: IO[bytes] | None) -> list[Found]:
    from beacon_core.processors.sanitize import redact_lines  # noqa: PLC0415 - not needed for --help

    found = []
    for line in redact_lines(redactor, (data.decode("utf-8", "surrogateescape") for data in file)):
        found += [Found(name, line.number, rule_id) for rule_id, count in line.counts.items() for _ in range(count)]
        if output is not None:
            output.write(line.text.encode("utf-8", "surrogateescape"))
    return found


def _for_programs(found: list[Found]) -> dict[str, Any]:
    rules = Counter(find.rule for find in found)
    return {"found": len(found), "rules": dict(sorted(rules.items())), "places": [find._asdict() for find in found]}


def _print_summary(found: list[Found], files: int, redactor: TextRedactor, *, places: bool) -> None:
    """Print each place, if asked to, and a line a rule: how often, what it is, where it was first."""
    for find in found if places else ():
        click.echo(f"{find.file}:{find.line}: {find.rule}", err=True)
    if not found:
        click.echo("nothing found", err=True)
        return
    rules = Counter(find.rule for find in found)
    width = max(map(len, rules))
    for rule_id, count in rules.most_common():
        first = next(find for find in found if find.rule == rule_id)
        where = f"{first.file}:{first.line}" if count == 1 else f"{first.file}:{first.line} and {count - 1} more"
        about = redactor.description(rule_id).partition(". ")[0].rstrip(".")
        click.echo(f"{count:8} {rule_id:{width}}  {where}  {click.style(about, dim=True)}", err=True)
    changed = len({find.file for find in found})
    click.echo(f"{len(found):8} found in {changed} of {files} file{'s' * (files > 1)}", err=True)
