"""`beacon run` with a Datadog exporter at the end of its pipeline, and what became of every event."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from beacon_core import Batch, encode_lines
from plugins.datadog.tests.datadog_server import DatadogServer


@dataclass(frozen=True)
class Outcome:
    """What one run did.

    Attributes:
        figures: the exporter's part of the receipt, without what is 0.
        balanced: as the receipt says.
        dead: reasons of all dead letters, by event id.
        printed: what Beacon said.
    """

    figures: dict[str, int]
    balanced: bool
    dead: dict[str, str]
    printed: str


def deliver(
    folder: Path, intake: DatadogServer, events: Batch | bytes, *, drain: str = "", each: int = 1000, **options: Any
) -> Outcome:
    """Send events through a pipeline; in the same folder a second run goes on with what the first one kept.

    Args:
        folder: for its files and its queue.
        events: what comes in, also as lines.
        drain: how long delivery may go on at the end; empty: until nothing is left.
        each: events in one batch of the queue.
        options: of the exporter.
    """
    source, queue = folder / "events.jsonl", folder / "queue.db"
    source.write_bytes(events if isinstance(events, bytes) else encode_lines(events))
    quick = {"initial_interval": "1ms", "max_interval": "5ms", "hold_interval": "10ms"}
    exporter = {
        "api": {"key": "${env:DD_API_KEY}"},
        "logs": {"endpoint": intake.url},
        "metrics": {"endpoint": intake.url},
        "timeout": "5s",
        "retry_on_failure": quick,
        "batch": {"timeout": "10ms"},
    }
    ends = {"receivers": ["file_input"], "exporters": ["datadog"], "allow_unsanitized": True}
    document = {
        "receivers": {"file_input": {"include": [str(source)], "max_batch_events": each}},
        "exporters": {"datadog": exporter | options},
        "service": {"queue": {"type": "sqlite", "path": str(queue)}, "pipelines": {"default": ends}},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(document))
    printed, receipt = run_file(folder, intake.key, *(["--drain-timeout", drain] if drain else []))
    exported = beacon("queue", "export", "--queue", str(queue))
    letters = [json.loads(line) for line in exported.stdout.splitlines()]
    dead = {letter["event"]["id"]: letter["reason"] for letter in letters}
    figures = {name: count for name, count in receipt["exporters"]["datadog"].items() if count}
    return Outcome(figures, receipt["balanced"], dead, printed)


def run_file(folder: Path, key: str, *arguments: str) -> tuple[str, dict[str, Any]]:
    """Run `pipeline.yaml` of a folder; return what was printed, and the receipt."""
    receipt = folder / "receipt.json"
    command = ["run", "-p", str(folder / "pipeline.yaml"), "--receipt", str(receipt), *arguments]
    done = beacon(*command, environment={"DD_API_KEY": key})
    return done.output, json.loads(receipt.read_text())


def beacon(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    """Run a command of Beacon's in this process; fail if it does."""
    (script,) = entry_points(group="console_scripts", name="beacon")
    done = CliRunner().invoke(script.load(), list(arguments), env=environment)
    assert done.exit_code == 0, done.output
    return done
