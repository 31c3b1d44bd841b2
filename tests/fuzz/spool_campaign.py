"""Hostile lines in spool files: each becomes events or makes its file set aside, and no good one is lost."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

from tests.e2e.crash.process import BEACON
from tests.fuzz.lines_campaign import MAX_LINE, Result, bodies, check, stream

_WATCHDOG = 600.0  # seconds
_LINES_IN_A_FILE = 20

PIPELINE = """
receivers:
  spool: {{directory: spool, max_line_bytes: {limit}, max_files: 1000000}}
processors: {{fingerprint: {{}}, canonicalize: {{}}, sanitize: {{}}}}
exporters:
  file: {{path: out.jsonl, rotation: {{max_megabytes: 100000}}, fsync: false}}
service:
  queue: {{path: queue.db}}
  pipelines:
    default: {{receivers: [spool], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}}
"""


def spool_campaign(folder: Path, seed: str, count: int) -> Result:
    """Leave files with so many hostile lines, and good ones between them, and make one pass."""
    chance = random.Random(seed)
    data, names = stream(chance, count, "otlp_json")
    lines = data.splitlines(keepends=True)
    spool = folder / "spool"
    spool.mkdir()
    for start in range(0, len(lines), _LINES_IN_A_FILE):
        (spool / f"pending-{start}-x.jsonl").write_bytes(b"".join(lines[start : start + _LINES_IN_A_FILE]))
    (folder / "pipeline.yaml").write_text(PIPELINE.format(limit=MAX_LINE))
    done = subprocess.run(
        [str(BEACON), "run", "--once", "-p", "pipeline.yaml", "--receipt", "receipt.json", "--log-level", "warning"],
        cwd=folder,
        capture_output=True,
        timeout=_WATCHDOG,
        check=False,
    )
    log = done.stderr.decode(errors="replace")
    result = Result(lines=len(lines))
    if done.returncode != 0:
        result.violations.append(f"spool ended with exit code {done.returncode}: {log[-3000:]}")
        return result
    receipt = json.loads((folder / "receipt.json").read_bytes())
    result.taken, result.refused = receipt["received"], receipt["refused"].get("spool", 0)
    check(result, receipt | {"deduplicated": 0}, log)  # equal lines are the same event
    if missing := [name for name in names if name not in bodies(folder / "out.jsonl")]:
        result.violations.append(f"{len(missing)} good lines did not arrive, such as {missing[0]}")
    left = [path.name for path in spool.iterdir() if not path.name.startswith("corrupt-")]
    if left:
        result.violations.append(f"left in the spool: {left[:5]}")
    return result
