"""Options that several commands of `beacon ci` have."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from beacon_core.ci.harnesses import HARNESSES

if TYPE_CHECKING:
    from beacon_core.ci.starting import Request

Command: TypeAlias = Callable[..., None]


def switch(name: str, help_text: str, *, default: bool | None = None) -> Callable[[Command], Command]:
    """Return an option that is `--name`, `--name=true` or `--name=false`."""
    return click.option(
        name, type=bool, is_flag=False, flag_value="true", default=default, metavar="[true|false]", help=help_text
    )


def seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    """Read `10`, `10s`, `500ms` or `2m`, without importing what reads configurations."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
    number = value.rstrip("msh")
    try:
        found = float(number) * units[value[len(number) :].strip()]
    except (ValueError, KeyError):
        raise click.BadParameter(f'"{value}" is no duration such as 10s, 500ms or 2m') from None
    if not 0 <= found < float("inf"):
        raise click.BadParameter("a duration is not negative, and it ends")
    return found


def location_options(command: Command) -> Command:
    """Add `--base-dir`, `--log-path` and `--state-file`; the command gets `places`."""

    @wraps(command)
    def wrapped(*, base_dir: Path | None, log_path: Path | None, state_file: Path | None, **others: Any) -> None:
        from beacon_core.ci.directories import locate  # noqa: PLC0415 - the help needs none of it

        places = locate(os.environ, base_dir=base_dir, log_path=log_path, state_file=state_file)
        command(places=places, **others)

    for name, help_text in (
        ("--state-file", "The session's state. Default: session.json in the base directory."),
        ("--log-path", "The session's log of events. Default: runtime.jsonl in the base directory."),
        (
            "--base-dir",
            "The session's directory. Default: that of --log-path, $RUNNER_TEMP/beacon or <tmp>/beacon-<uid>.",
        ),
    ):
        wrapped = click.option(name, metavar="PATH", type=click.Path(path_type=Path), help=help_text)(wrapped)
    return wrapped


def session_options(command: Command) -> Command:
    """Add what `start` and `exec` have; the command gets `request`."""

    @location_options
    @wraps(command)
    def wrapped(**options: Any) -> None:
        others = {name: options.pop(name) for name in list(options) if name not in _SESSION}
        command(request=_request(**options), **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _request(
    files: tuple[Path, ...], forward: str | None, endpoint: str | None, site: str | None, **options: Any
) -> Request:
    from beacon_core.ci.pipelines import Choice  # noqa: PLC0415 - the help needs none of it
    from beacon_core.ci.starting import Request  # noqa: PLC0415

    return Request(choice=Choice(files=files, forward=forward, endpoint=endpoint, site=site), **options)


_SESSION = (
    *("places", "files", "forward", "endpoint", "site", "harnesses", "content", "http_port", "ready_timeout"),
    *("spool_dir", "traces", "debug"),
)
_OPTIONS = (
    click.option(
        "--harness",
        "harnesses",
        multiple=True,
        type=click.Choice([*HARNESSES]),
        help="The agent that is to report; repeatable. The validation then asks for its events.",
    ),
    click.option(
        "--content",
        type=click.Choice(["metadata", "redacted", "full"]),
        default="redacted",
        show_default=True,
        help="How much the agents are asked for: no texts, prompts and tool arguments, or answers as well.",
    ),
    click.option(
        "-p",
        "--pipeline",
        "files",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A pipeline of your own instead of the one that `beacon ci print-pipeline` shows; repeatable.",
    ),
    click.option(
        "--forward",
        type=click.Choice(["splunk", "datadog"]),
        help="Deliver to Splunk or Datadog, with the token in BEACON_CI_SPLUNK_HEC_TOKEN or BEACON_CI_DATADOG_API_KEY.",
    ),
    click.option(
        "--forward-endpoint",
        "endpoint",
        metavar="URL",
        help="Where to. For Splunk also in BEACON_CI_SPLUNK_HEC_ENDPOINT; for Datadog an intake of your own.",
    ),
    click.option("--forward-site", "site", metavar="SITE", help="The Datadog site. Default: datadoghq.com."),
    click.option(
        "--http-port",
        type=click.IntRange(0, 65535),
        default=0,
        show_default=True,
        help="Port on 127.0.0.1 that takes OTLP over HTTP; 0 picks a free one.",
    ),
    click.option(
        "--ready-timeout",
        metavar="DURATION",
        default="10s",
        show_default=True,
        callback=seconds,
        help="How long the pipeline may take to start.",
    ),
    click.option(
        "--spool-dir",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Where to put the queue if events are left in it; `beacon run --drain DIR` delivers them later.",
    ),
    click.option("--traces", is_flag=True, help="Ask the agents for spans, too."),
    click.option("--debug", is_flag=True, help="Have agents report on stderr what they cannot send."),
)
