"""`beacon run` with one exporter at the end of its pipeline, and what became of every event.

It runs in this process, because the tests of exporters run hundreds of pipelines. What has to be a process of its own,
because it gets signals or is killed, is in tests/e2e.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from click.testing import CliRunner, Result

from beacon_core import Batch, encode_lines
from beacon_core.cli import main

QUICK = {"initial_interval": "1ms", "max_interval": "5ms", "hold_interval": "10ms"}


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        figures: the exporter's part of the receipt, without what is 0.
        balanced: as the receipt says.
        dead: reasons of the dead letters, by event id.
        printed: what Beacon said.
    """

    figures: dict[str, int]
    balanced: bool
    dead: dict[str, str]
    printed: str


#: What a plugin's fixture `run` is: `deliver` to its server, given events and, by name, options of the exporter.
Run: TypeAlias = Callable[..., Outcome]


def deliver(
    folder: Path,
    exporter: str,
    options: dict[str, Any],
    events: Batch | bytes,
    *,
    drain: str = "",
    each: int = 1000,
    **environment: str,
) -> Outcome:
    """Send events through a pipeline; in the same folder a second run goes on with what the first one kept.

    Args:
        folder: for its files and its queue.
        exporter: its type.
        options: of the exporter; it tries again at once unless they say otherwise.
        events: what comes in, also as lines.
        drain: how long delivery may go on at the end; empty: until nothing is left.
        each: events in one batch of the queue.
        environment: variables.
    """
    source, queue = folder / "events.jsonl", folder / "queue.db"
    source.write_bytes(events if isinstance(events, bytes) else encode_lines(events))
    quick = {"timeout": "5s", "retry_on_failure": QUICK, "batch": {"timeout": "10ms"}}
    ends = {"receivers": ["file_input"], "exporters": [exporter], "allow_unsanitized": True}
    document = {
        "receivers": {"file_input": {"include": [str(source)], "max_batch_events": each}},
        "exporters": {exporter: quick | options},
        "service": {"queue": {"type": "sqlite", "path": str(queue)}, "pipelines": {"default": ends}},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(document))
    printed, receipt = run_file(folder, *(["--drain-timeout", drain] if drain else []), **environment)
    exported = beacon("queue", "export", "--queue", str(queue))
    letters = [json.loads(line) for line in exported.stdout.splitlines()]
    dead = {letter["event"]["id"]: letter["reason"] for letter in letters}
    figures = {name: count for name, count in receipt["exporters"][exporter].items() if count}
    return Outcome(figures, receipt["balanced"], dead, printed)


def run_file(folder: Path, *arguments: str, **environment: str) -> tuple[str, dict[str, Any]]:
    """Run `pipeline.yaml` of a folder; return what was printed, and the receipt."""
    receipt = folder / "receipt.json"
    command = ["run", "-p", str(folder / "pipeline.yaml"), "--receipt", str(receipt), *arguments]
    return beacon(*command, **environment).output, json.loads(receipt.read_text())


def beacon(*arguments: str, **environment: str) -> Result:
    """Run a command of Beacon's in this process; fail if it does."""
    with _as_it_was():
        done = CliRunner().invoke(main, arguments, env=environment)
    assert done.exit_code == 0, done.output
    return done


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Undo what a program changes in its process: signals, log handlers, what happens when a thread fails."""
    root, own = logging.getLogger(), logging.getLogger("beacon")
    kept = root.handlers[:], root.level, own.level, threading.excepthook
    numbers = {signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        root.handlers[:], root.level, own.level, threading.excepthook = kept
        for number, handler in handlers.items():
            signal.signal(number, handler)
