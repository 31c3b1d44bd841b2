"""`make demo`: the quickstart runs, loses nothing and shows no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

#: Made-up secrets of the recorded session, in part.
PLANTED = ("hunter2", "wJalrXUtnFEMI", "FAKE00", "FAKEfake")


def test_p2_p3_the_demo_delivers_every_recorded_event_without_a_secret(root: Path, tmp_path: Path) -> None:
    demo = root / "docs" / "examples" / "quickstart" / "demo.py"
    recorded = "".join(path.read_text() for path in (demo.parent / "session").glob("*.json"))
    done = subprocess.run(
        [sys.executable, str(demo)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / ".demo" / "telemetry.jsonl").read_text()
    exporter = json.loads((tmp_path / ".demo" / "receipt.json").read_text())["exporters"]["file"]
    records = recorded.count('"timeUnixNano"')
    assert len(lines.splitlines()) == exporter["delivered"]
    assert exporter["delivered"] + exporter["filtered"] == exporter["accepted"] == records
    assert [secret for secret in PLANTED if secret not in recorded] == []
    assert [secret for secret in PLANTED if secret in lines + done.stdout] == []
    assert f"{exporter['delivered']} events" in done.stdout
