"""Ten thousand events and everything that goes wrong with a disk: exactly the bad ones are put aside."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from beacon_core import encode_lines
from beacon_core.queues.sqlite import dead_letters
from beacon_core.testing import make_batch

CHILD = Path(__file__).with_name("file_bad_day.py")
COUNT = 10_000
BAD = {"jsonl": {7777}, "otlp_json": {1234, 7777}}  # an attribute with numbers for names is JSON, and no OTLP
BODY = re.compile(rb"event (\d+)\"")
EARLIER = 25_000_000  # bytes in the file before: more than the queue's file has, which is not to meet the limit


def run(phase: str, folder: Path, line_format: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(CHILD), phase, str(folder), line_format]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def prepare(folder: Path) -> int:
    """Write a file that an earlier run has left, and return its size."""
    line = encode_lines(make_batch(1, id="earlier", name="earlier", body="x" * 10_000))
    (folder / "out").mkdir()
    (folder / "out" / "out.jsonl").write_bytes(line * (EARLIER // len(line)))
    return EARLIER // len(line)


def lines_in(folder: Path) -> list[bytes]:
    """Return the lines of all files that were written, wherever they have been moved to."""
    lines: list[bytes] = []
    for path in folder.glob("*/*"):
        data = path.read_bytes()
        assert data.endswith(b"\n"), path
        lines += data.splitlines()
    return lines


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("line_format", ["jsonl", "otlp_json"])
def test_p3_p4_only_the_bad_events_are_put_aside_and_only_what_was_doubtful_comes_twice(
    tmp_path: Path, line_format: str
) -> None:
    earlier = prepare(tmp_path)
    filled = run("fill", tmp_path, line_format)
    assert filled.returncode == 0, filled.stderr
    died = run("die", tmp_path, line_format)
    assert died.returncode == -signal.SIGXFSZ, died.stderr
    assert not (tmp_path / "out" / "out.jsonl").read_bytes().endswith(b"\n")  # in the middle of a line
    done = run("go on", tmp_path, line_format)
    assert done.returncode == 0, done.stderr
    receipt: dict[str, Any] = json.loads(done.stdout)

    lines = lines_in(tmp_path)
    assert all(json.loads(line) for line in lines)
    found = Counter(int(number) for line in lines for number in BODY.findall(line))
    assert sum(b'"earlier"' in line for line in lines) == earlier
    assert found.keys() == set(range(COUNT)) - BAD[line_format]
    twice = found.total() - len(found)
    doubted = receipt["possibly_duplicated"]
    if line_format == "jsonl":
        assert 0 < twice == doubted < 500
    else:
        assert 0 <= twice <= doubted <= 500
    assert receipt["delivered"] + receipt["dead_lettered"] == receipt["carried_over"]
    assert receipt["queued"] == 0

    letters = dead_letters.dead_letters(tmp_path / "queue.db", dead_letters.Selection(None, "out"))
    reasons = {json.loads(bytes(letter.event))["id"]: letter.reason for letter in letters}
    assert reasons.keys() == {f"many-{n}" for n in BAD[line_format]}
    assert reasons.get("many-1234") in {None, "cannot be written as otlp_json: TypeError"}
    assert re.fullmatch(r"a line of 200\d{3} bytes; max_line_bytes is 100000", reasons["many-7777"])
