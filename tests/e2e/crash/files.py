"""Reads what the file exporters wrote: run by run where a file is only appended to, at the end where it is rotated."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

from tests.e2e.crash.evidence import Arrival, name_of

_ID = re.compile(rb'^\{"id":"([^"]+)"')


class AppendedFile:
    """A file that grows from run to run.

    A last line without an end is what a kill may leave, and nothing else may; the next run removes it or goes on after
    it.

    Args:
        path: of the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._half = b""  # what the last kill left
        self.arrivals: list[Arrival] = []
        self.torn: list[str] = []

    def collect(self, run: int, *, killed: bool) -> list[str]:
        """Read what a run added, after its end; return what is wrong with it."""
        data = self._path.read_bytes()[self._read :] if self._path.exists() else b""
        *lines, rest = data.split(b"\n")
        if lines and lines[0] == self._half:
            lines = lines[1:]
        problems = [] if killed or not rest or data == self._half else ["the file does not end with a newline"]
        problems += [] if all(self._take(run, line) for line in lines if line) else ["a line cannot be read"]
        self._read += len(data)
        if data != self._half:
            self._half = b""
        if rest and rest != self._half and not self._take(run, rest):
            self._half = rest
            self.torn.append(_torn_id(rest))
        self._read -= len(self._half)
        return problems

    def _take(self, run: int, line: bytes) -> bool:
        arrival = _arrival(run, line)
        if arrival is not None:
            self.arrivals.append(arrival)
        return arrival is not None


def rotated_arrivals(path: Path) -> tuple[list[Arrival], list[str], list[str]]:
    """Return what is in a file and those that were rotated, oldest first; the ids of torn lines; what is wrong.

    While a file is compressed both forms may be there: a kill leaves them so, and they count once.
    """
    names = {found.name.removesuffix(".gz") for found in path.parent.glob(f"{path.stem}-*{path.suffix}*")}
    arrivals, torn, problems = [], [], []
    for each in [*(path.with_name(name) for name in sorted(names) if name.endswith(path.suffix)), path]:
        packed = each.with_name(each.name + ".gz")
        if not each.exists() and not packed.exists():
            continue
        data = each.read_bytes() if each.exists() else gzip.decompress(packed.read_bytes())
        for line in filter(None, data.split(b"\n")):
            arrival = _arrival(-1, line)
            if arrival is not None:
                arrivals.append(arrival)
            else:
                torn.append(_torn_id(line))
        if packed.exists() and gzip.decompress(packed.read_bytes()) != data:
            problems.append(f"{packed.name} is not what was compressed")
    return arrivals, torn, problems


def _torn_id(line: bytes) -> str:
    match = _ID.match(line)
    return match[1].decode() if match else ""


def _arrival(run: int, line: bytes) -> Arrival | None:
    try:
        event = json.loads(line)
        return Arrival(run, event["id"], name_of(event["body"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
