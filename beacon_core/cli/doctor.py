"""`beacon doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.options import load_graph, pipeline_options

if TYPE_CHECKING:
    from beacon_core.component import Component
    from beacon_core.loader import Graph
    from beacon_core.queue import Queue

_SHUTDOWN = 5.0  # seconds

EPILOG = """\b
Each receiver, processor and exporter is started for a moment, as a run would start it: addresses are bound, files
opened. Destinations are asked whether they would take events; none is sent. The queue is left alone.
\b
Exit code 0: everything is well. 69: a destination cannot be reached or takes nothing now. 78: something has to be
corrected. 1: something else is wrong.
\b
Examples:
  beacon doctor --pipeline pipeline.yaml
  beacon doctor --pipeline pipeline.yaml --json
"""


class Finding(NamedTuple):
    """What was found out about one part of a pipeline.

    Attributes:
        part: what it is about: `queue`, `receiver otlp`, `exporter splunk_hec` ...
        well: whether a run could work with it now.
        says: what was seen, or what is wrong and what to do.
        exit_code: what the command ends with if this is the worst.
    """

    part: str
    well: bool
    says: str
    exit_code: int = 0


@click.command(epilog=EPILOG, short_help="Check that a pipeline can work here and now.")
@pipeline_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(files: tuple[Path, ...], sets: tuple[str, ...], as_json: bool) -> None:
    """Check that a pipeline can work here and now: addresses, files, rules, destinations and their credentials."""
    graph = load_graph(files, sets)
    findings = []
    for finding in examine(graph):
        findings.append(finding)
        if not as_json:
            mark = click.style("ok    ", fg="green") if finding.well else click.style("failed", fg="red")
            click.echo(f"{mark}  {finding.part}{': ' if finding.says else ''}{finding.says}")
    if as_json:
        members = ("part", "well", "says")
        click.echo(json.dumps([{name: getattr(each, name) for name in members} for each in findings], indent=2))
    codes = {finding.exit_code for finding in findings}
    sys.exit(
        next(
            (code for code in (exit_codes.CONFIGURATION, exit_codes.FAILED, exit_codes.UNAVAILABLE) if code in codes), 0
        )
    )


def examine(graph: Graph) -> Iterator[Finding]:
    """Yield what is found out about each part of a pipeline."""
    yield _examined("queue", partial(_folder_of, graph.queue))
    for kind, components in (
        ("processor", graph.processors),
        ("exporter", graph.exporters),
        ("receiver", graph.receivers),
    ):
        for name, component in components.items():
            yield _examined(f"{kind} {name}", partial(_started, graph, name, component))
    yield _examined("native code", _native)


def _examined(part: str, work: Callable[[], str]) -> Finding:
    from beacon_core.errors import BeaconError, ConfigurationError, RetryableError  # noqa: PLC0415 - heavy

    try:
        return Finding(part, well=True, says=work())
    except ConfigurationError as error:
        return Finding(part, well=False, says=str(error), exit_code=exit_codes.CONFIGURATION)
    except RetryableError as error:
        return Finding(part, well=False, says=str(error), exit_code=exit_codes.UNAVAILABLE)
    except (BeaconError, OSError) as error:
        return Finding(part, well=False, says=str(error), exit_code=exit_codes.FAILED)
    except Exception as error:  # noqa: BLE001 - a bug in a plugin is a finding, and its text may hold anything
        return Finding(part, well=False, says=f"a bug: {type(error).__name__}", exit_code=exit_codes.FAILED)


def _started(graph: Graph, name: str, component: Component) -> str:
    """Start a component, ask an exporter for its destination, and return what it says."""
    from beacon_core.component import Host  # noqa: PLC0415 - heavy
    from beacon_core.exporter import Exporter  # noqa: PLC0415 - heavy
    from beacon_core.receiver import Receiver  # noqa: PLC0415 - heavy

    try:
        component.start(Host(name, secrets=graph.secrets))
        if isinstance(component, Exporter):
            return component.probe()
        endpoints = component.endpoints if isinstance(component, Receiver) else {}
        return ", ".join(endpoints.values())
    finally:
        component.shutdown(_SHUTDOWN)


def _native() -> str:
    """Say whether native code is in use, without which everything is well, too."""
    from beacon_core.native import state  # noqa: PLC0415 - not needed for help

    return state().says


def _folder_of(queue: Queue) -> str:
    """See that a queue in a file has a folder that can be written to."""
    from beacon_core.queues.sqlite.config import default_path  # noqa: PLC0415 - heavy
    from beacon_core.service import check_writable  # noqa: PLC0415 - heavy

    if not hasattr(queue.config, "path"):
        return ""
    path = queue.config.path or default_path()
    check_writable(path)
    return str(path)
