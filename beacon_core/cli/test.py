"""`beacon test`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beacon_core.cli import exit_codes
from beacon_core.cli.options import load_graph, pipeline_options, set_up_logging

if TYPE_CHECKING:
    from beacon_core.component import Component, Host
    from beacon_core.event import Batch
    from beacon_core.loader import Graph
    from beacon_core.pipeline import Pipeline
    from beacon_core.receiver import Receiver

EPILOG = """\b
Reads lines as the receivers stdin and file_input do, passes them through the processors, and prints what an exporter
would get, one event a line. No queue, no exporter, no socket: nothing is delivered.
\b
With --expect the events have to hold what the lines of a file hold, in order; each line names only what matters:
{"name": "command.executed", "attributes": {"beacon.outcome": "failure"}}
\b
Examples:
  beacon test --pipeline pipeline.yaml samples.jsonl
  beacon test --pipeline pipeline.yaml samples.jsonl --expect expected.jsonl
  echo '{"message": "password=hunter2"}' | beacon test -p pipeline.yaml
"""


@click.command(epilog=EPILOG, short_help="Pass samples through a pipeline's processors.")
@click.argument("samples", metavar="[FILES]...", nargs=-1, type=click.Path(path_type=Path))
@pipeline_options
@click.option("--name", metavar="PIPELINE", help="The pipeline of the file, where it has several.")
@click.option(
    "--expect",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Fail unless the events hold what the lines of this file (JSON objects) hold.",
)
def test(
    *,
    samples: tuple[Path, ...],
    files: tuple[Path, ...],
    sets: tuple[str, ...],
    name: str | None,
    expect: Path | None,
) -> None:
    """Print what samples become in a pipeline, without delivering anything."""
    set_up_logging("warning")
    for path in (*samples, *([expect] if expect else [])):
        if not path.is_file():
            raise click.FileError(str(path), "no such file")
    graph = load_graph(files, sets)
    expected = None if expect is None else [*_expectations(expect)]
    trial = _Trial(graph, _chosen(graph, name))
    trial.run(samples)
    for line in trial.summary():
        click.echo(line, err=True)
    wrong = [] if expected is None else [*_differences(expected, trial.events)]
    for line in wrong:
        click.echo(line, err=True)
    sys.exit(exit_codes.FAILED if wrong or trial.refused else 0)


def _chosen(graph: Graph, name: str | None) -> str:
    names = [*graph.pipelines]
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        what = "say which pipeline with --name" if name is None else f'there is no pipeline "{name}"'
        raise click.UsageError(f"{what}: {', '.join(names)}")
    return name


class _Trial:
    """Samples on their way through the processors of one pipeline; a consumer, too."""

    def __init__(self, graph: Graph, name: str) -> None:
        from beacon_core.pipeline import Pipeline  # noqa: PLC0415 - heavy
        from beacon_core.telemetry import Counters  # noqa: PLC0415

        self._counters = Counters()
        self._secrets = graph.secrets
        processors = [(each, graph.processors[each]) for each in graph.pipelines[name].processors]
        self._processors = processors
        self._pipeline: Pipeline = Pipeline(name, processors, ())
        self._received = self._filtered = 0
        self._dropped: dict[str, int] = {}
        self.events: list[Mapping[str, Any]] = []

    def run(self, samples: Sequence[Path]) -> None:
        """Read the samples, or standard input, and print the events."""
        from beacon_core.receivers.lines import (  # noqa: PLC0415 - heavy
            FileInputConfig,
            FileInputReceiver,
            LinesConfig,
            StdinReceiver,
        )

        receiver: Receiver = StdinReceiver(LinesConfig())
        if samples:
            receiver = FileInputReceiver(FileInputConfig(include=[_escaped(path) for path in samples]))
        components: list[tuple[str, Component]] = [*self._processors, ("samples", receiver)]
        for name, component in components:
            component.start(self._host(name))
        receiver.run(self)
        for _, component in reversed(components):
            component.shutdown(1)

    def consume_all(self, batches: Sequence[Batch]) -> None:
        """Process and print batches one by one; see `Consumer.consume_all`."""
        for batch in batches:
            self.consume(batch)

    def consume(self, batch: Batch) -> None:
        """Process and print a batch; see `Consumer.consume`."""
        from beacon_core.event import encode_lines  # noqa: PLC0415 - heavy

        done = self._pipeline.process(batch)
        self._received += len(batch)
        self._filtered += done.filtered
        for reason, count in done.dropped.items():
            self._dropped[reason] = self._dropped.get(reason, 0) + count
        lines = encode_lines(done.batch)
        self.events += [json.loads(line) for line in lines.splitlines()]
        click.echo(lines, nl=False)

    @property
    def refused(self) -> int:
        """How many lines were no events, and events that a processor failed for."""
        return sum(self._counters.reasons("refused", "samples").values()) + sum(self._dropped.values())

    def summary(self) -> Iterator[str]:
        """Yield what became of the samples."""
        yield f"{self._received} in, {len(self.events)} out, {self._filtered} filtered, {self.refused} refused"
        for reason, count in sorted(self._dropped.items()):
            yield f"  {count} dropped: {reason}"
        for name, _ in self._processors:
            for rule, count in sorted(self._counters.reasons("redacted", name).items()):
                yield f"  {count} redacted: {rule}"

    def _host(self, name: str) -> Host:
        from beacon_core.component import Host  # noqa: PLC0415 - heavy

        return Host(name, self._counters, self._secrets)


def _escaped(path: Path) -> str:
    """Return the pattern that means this file only."""
    import glob  # noqa: PLC0415 - for this command only

    return glob.escape(str(path))


def _expectations(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise click.ClickException(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise click.ClickException(f"{path}:{number}: not a JSON object")
        yield value


def _differences(expected: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what expectations find otherwise; events are sanitized, so that they can be shown."""
    if len(expected) != len(events):
        yield f"expected {len(expected)} events, got {len(events)}"
    for number, (wanted, event) in enumerate(zip(expected, events, strict=False), 1):
        for place, want, got in _mismatches(wanted, event, ""):
            yield f"event {number}: {place}: expected {json.dumps(want)}, got {json.dumps(got)}"


def _mismatches(wanted: Any, found: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            yield from _mismatches(value, found.get(key), f"{place}.{key}" if place else key)
    elif wanted != found or type(wanted) is not type(found):
        yield place, wanted, found
