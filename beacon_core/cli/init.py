"""`beacon init`."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  beacon init                                            pipeline.yaml, from OTLP to a file
  beacon init --exporter splunk_hec --exporter file      to Splunk, with a copy in a file
  beacon init --exporter datadog -                       print it
"""

_HEAD = """\
# Takes telemetry over OTLP (HTTP) on this machine, makes it safe and uniform, and delivers it.
receivers:
  otlp:
    protocols:
      http: {endpoint: "127.0.0.1:4318"}
processors:
  fingerprint: {}    # where it ran: operating system, CI provider, branch, commit
  canonicalize: {}   # one name for one thing, whichever agent sent it
  sanitize: {}       # removes every secret; always the last
exporters:
"""
_EXPORTERS = {
    "file": """\
  file:
    path: telemetry.jsonl
""",
    "splunk_hec": """\
  splunk_hec:
    endpoint: ${env:SPLUNK_HEC_ENDPOINT}   # https://splunk.example.com:8088
    token: ${env:SPLUNK_HEC_TOKEN}
""",
    "datadog": """\
  datadog:
    api: {site: "${env:DD_SITE:-datadoghq.com}", key: "${env:DD_API_KEY}"}
""",
}
_TAIL = """\
service:
  queue: {type: sqlite, path: queue.db}   # what is not delivered yet, also over a restart
  pipelines:
    default:
      receivers: [otlp]
      processors: [fingerprint, canonicalize, sanitize]
      exporters: [%s]
"""


@click.command(epilog=EPILOG, short_help="Write a first pipeline file.")
@click.argument("file", metavar="[FILE]", default="pipeline.yaml", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--exporter",
    "exporters",
    multiple=True,
    default=("file",),
    show_default="file",
    type=click.Choice([*_EXPORTERS]),
    help="Where telemetry goes; repeatable.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(file: Path, exporters: tuple[str, ...], force: bool) -> None:
    """Write a pipeline file to begin with; `-` prints it. Credentials stay in environment variables."""
    chosen = [*dict.fromkeys(exporters)]
    text = _HEAD + "".join(_EXPORTERS[name] for name in chosen) + _TAIL % ", ".join(chosen)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise click.ClickException(f"{file} is there already; --force replaces it") from None
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None
    click.echo(f"{file} is written. Next:", err=True)
    for line in (f"beacon validate --pipeline {file}", f"beacon run --pipeline {file}"):
        click.echo(f"  {line}", err=True)
