"""Runs a whole pipeline with the exporter at its end, by the command line, and says what became of every event."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from beacon_core import Batch, encode_lines
from plugins.splunk.tests.hec_server import HecServer

QUICK = {"initial_interval": "1ms", "max_interval": "5ms", "hold_interval": "10ms"}
QUEUE = "queue.db"


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        receipt: the exporter's part of the receipt.
        balanced: as the receipt says.
        dead: reasons of the dead letters, by event id.
        said: what Beacon printed.
    """

    receipt: dict[str, Any]
    balanced: bool
    dead: dict[str, str]
    said: str

    def figures(self) -> dict[str, int]:
        """Return the figures of the receipt that are not 0."""
        return {name: count for name, count in self.receipt.items() if count}


def run(
    folder: Path, hec: HecServer, events: Batch, *, drain: str | None = None, each: int = 1000, **options: Any
) -> Outcome:
    """Send events through a pipeline to a server; the same folder again goes on with what was queued.

    Args:
        drain: how long it may go on at the end; None: until everything is delivered.
        each: events in a batch of the queue.
        options: of the exporter.
    """
    (folder / "input.jsonl").write_bytes(encode_lines(events))
    exporter = {
        "endpoint": hec.url,
        "token": "${env:TEST_HEC_TOKEN}",
        "timeout": "5s",
        "retry_on_failure": QUICK,
        "batch": {"timeout": "10ms"},
    }
    pipeline = {
        "receivers": {"file_input": {"include": [str(folder / "input.jsonl")], "max_batch_events": each}},
        "exporters": {"splunk_hec": exporter | options},
        "service": {
            "queue": {"type": "sqlite", "path": str(folder / QUEUE)},
            "pipelines": {
                "default": {"receivers": ["file_input"], "exporters": ["splunk_hec"], "allow_unsanitized": True}
            },
        },
    }
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline))
    said = beacon(folder, hec.token, *([] if drain is None else ["--drain-timeout", drain]))
    receipt = json.loads((folder / "receipt.json").read_text())
    return Outcome(receipt["exporters"]["splunk_hec"], receipt["balanced"], dead_letters(folder), said)


def beacon(folder: Path, token: str, *arguments: str, pipeline: str = "pipeline.yaml") -> str:
    """Run `beacon run` in this process, with the files of a folder; return what it printed."""
    command = ["run", "-p", str(folder / pipeline), "--receipt", str(folder / "receipt.json"), *arguments]
    with _as_it_was():
        done = CliRunner().invoke(_main(), command, env={"TEST_HEC_TOKEN": token, "SPLUNK_HEC_TOKEN": token})
    assert done.exit_code == 0, done.output
    return done.output


def dead_letters(folder: Path) -> dict[str, str]:
    """Return the reasons of the dead letters in the queue of a folder, by event id."""
    done = CliRunner().invoke(_main(), ["queue", "export", "--queue", str(folder / QUEUE)])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["event"]["id"]: line["reason"] for line in lines}


def _main() -> Any:
    (script,) = entry_points(group="console_scripts", name="beacon")
    return script.load()


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Undo what a program does to its process: signals, log handlers, what happens when a thread fails."""
    root, signals = logging.getLogger(), [signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)]
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook
    before = {number: signal.getsignal(number) for number in signals}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("beacon").setLevel(logging.NOTSET)
        threading.excepthook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
