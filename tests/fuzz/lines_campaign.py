"""Hostile lines to the finite receivers of a real `beacon run`: each line becomes events or a counted refusal."""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.crash.process import BEACON
from tests.fuzz import mutations
from tests.fuzz.corpus import JSON, Sample, lines
from tests.fuzz.http_campaign import excerpt
from tests.fuzz.values import odd_values

MAX_LINE = 64 * 1024
_WATCHDOG = 600.0  # seconds
_GOOD_EVERY = 10
_GOOD_OBJECT = b'{"body": "%s"}'
_GOOD_REQUEST = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%s"}}]}]}]}'
_BOM = b"\xef\xbb\xbf"

PIPELINE = """
receivers:
  stdin: {{max_line_bytes: {limit}, format: {format}}}
  file_input: {{include: ["in/*"], max_line_bytes: {limit}, format: {format}}}
processors: {{fingerprint: {{}}, canonicalize: {{}}, sanitize: {{}}}}
exporters:
  file: {{path: out.jsonl, rotation: {{max_megabytes: 100000}}, fsync: false}}
service:
  queue: {{path: queue.db}}
  pipelines:
    default: {{receivers: [{receiver}], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}}
"""


@dataclass
class Result:
    """What became of the lines.

    Attributes:
        lines: that were not blank.
        taken: events that came of them.
        refused: how many were refused.
        violations: what must not have happened.
    """

    lines: int = 0
    taken: int = 0
    refused: int = 0
    violations: list[str] = field(default_factory=list)


def hostile_line(chance: random.Random) -> bytes:
    """Return the bytes of a line, perhaps with newlines in them; the same for the same state of the generator."""
    good = chance.choice(lines())
    match chance.randrange(10):
        case 0:
            return chance.randbytes(chance.choice((0, 1, 5, 50, 2000)))
        case 1:
            return good
        case 2:
            return chance.choice(
                (b"", b" ", b"\r", _BOM, _BOM + good, good + b"\r", b"\x0c", b"\0", b"x" * (MAX_LINE + 9))
            )
        case 3 | 4 | 5:
            return odd_values(chance, Sample("", JSON, good)) if good != b"{}" else good
        case _:
            return mutations.mutate(chance, good, mutations.JSON)


def stream(chance: random.Random, count: int, line_format: str) -> tuple[bytes, list[str]]:
    """Return an input of so many hostile lines with good ones between them, and what the good ones say."""
    good = _GOOD_REQUEST if line_format == "otlp_json" else _GOOD_OBJECT
    pieces, names = [], []
    for number in range(count):
        pieces.append(hostile_line(chance))
        if number % _GOOD_EVERY == 0:
            names.append(f"good-{number}")
            pieces.append(good % names[-1].encode())
    return b"\n".join(pieces) + b"\n", names


def stdin_campaign(folder: Path, seed: str, count: int, line_format: str) -> Result:
    """Feed lines into standard input."""
    data, names = stream(random.Random(seed), count, line_format)
    return _run(folder, "stdin", line_format, stdin=data, data=data, names=names)


def file_campaign(folder: Path, seed: str, count: int, line_format: str) -> Result:
    """Let files be read, one of them compressed, and damaged ones that cost no more than themselves."""
    chance = random.Random(seed)
    data, names = stream(chance, count, line_format)
    half = data.index(b"\n", len(data) // 2) + 1
    inputs = folder / "in"
    inputs.mkdir()
    (inputs / "a.jsonl").write_bytes(data[:half])
    (inputs / "b.gz").write_bytes(mutations.packed(data[half:]))
    os.mkfifo(inputs / "c.pipe")
    (inputs / "d.gz").write_bytes(b"\x1f\x8b" + chance.randbytes(500))
    (inputs / "e.jsonl").write_bytes(b"")
    return _run(folder, "file_input", line_format, stdin=b"", data=data, names=names, unreadable=2)


def _run(
    folder: Path, receiver: str, line_format: str, *, stdin: bytes, data: bytes, names: list[str], unreadable: int = 0
) -> Result:
    """Run with `stdin` as the input; `data` is what has to be read, wherever it stands."""
    text = PIPELINE.format(limit=MAX_LINE, format=line_format, receiver=receiver)
    (folder / "pipeline.yaml").write_text(text)
    done = subprocess.run(
        [str(BEACON), "run", "-p", "pipeline.yaml", "--receipt", "receipt.json", "--log-level", "warning"],
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=_WATCHDOG,
        check=False,
    )
    log = done.stderr.decode(errors="replace")
    result = Result(lines=sum(not is_blank(line) for line in data.split(b"\n")))
    if done.returncode != 0:
        result.violations.append(f"{receiver} ended with exit code {done.returncode}: {log[-3000:]}")
        return result
    receipt = json.loads((folder / "receipt.json").read_bytes())
    result.taken, result.refused = receipt["received"], receipt["refused"].get(receiver, 0) - unreadable
    check(result, receipt, log)
    if line_format == "json" and result.taken + result.refused != result.lines:  # one line is one event
        result.violations.append(f"{result.lines} lines, but {result.taken} events and {result.refused} refusals")
    arrived = bodies(folder / "out.jsonl")
    if missing := [name for name in names if name not in arrived]:
        result.violations.append(f"{len(missing)} good lines did not arrive, such as {missing[0]}")
    return result


def is_blank(line: bytes) -> bool:
    """Say whether a line is none: white space only, perhaps after a byte order mark."""
    line = line.removeprefix(_BOM)
    return not line or (line.isspace() and len(line) <= MAX_LINE)


def check(result: Result, receipt: dict[str, Any], log: str) -> None:
    """Note what must not stand in a receipt or a log."""
    line = receipt["exporters"]["file"]
    if not receipt["balanced"] or line["dropped"] or line["dead_lettered"] or line["queued"] or receipt["deduplicated"]:
        result.violations.append(f"receipt {receipt}: {log[-3000:]}")
    signs = ("Traceback", " is a bug", "fault of the plugin", "failed with")
    result.violations += [f"the log says {sign!r}: {excerpt(log, sign)}" for sign in signs if sign in log]


def bodies(path: Path) -> set[str]:
    """Return the bodies of the events in a file that are text."""
    events = (json.loads(line) for line in path.read_bytes().splitlines())
    return {event["body"] for event in events if isinstance(event.get("body"), str)}
