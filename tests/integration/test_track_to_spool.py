"""What an application with beacon-track leaves in its spool, the `spool` receiver takes over ([T7], [T8])."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from beacon_track.places import state_directory

BEACON = Path(sys.executable).with_name("beacon")
APPLICATION = """
from beacon_track import Telemetry
with Telemetry(app="acme", version="1.2.3").track("env.claim"):
    pass
"""
PIPELINE = """
receivers:
  spool: {directory: "${env:BEACON_TRACK_SPOOL}"}
processors:
  fingerprint: {}
  canonicalize: {}
  sanitize: {}
exporters:
  file: {path: out.jsonl}
service:
  queue: {path: queue.db}
  pipelines:
    default: {receivers: [spool], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""
INVOCATIONS = 12
FLUSHERS = 3


def test_t7_t8_every_event_of_many_invocations_arrives_once_with_several_flushers_at_once(tmp_path: Path) -> None:
    own = {"DO_NOT_TRACK", "BEACON_TRACK_DISABLED", "ACME_TELEMETRY_DISABLED", "BEACON_ENDPOINT"}
    environ = {name: value for name, value in os.environ.items() if name not in own and not name.startswith("OTEL_")}
    environ |= {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    spool = Path(state_directory("acme", environ))
    applications = [
        subprocess.Popen([sys.executable, "-c", APPLICATION], env=environ, cwd=tmp_path) for _ in range(INVOCATIONS)
    ]
    assert [application.wait(120) for application in applications] == [0] * INVOCATIONS
    assert list(spool.glob("pending-*.jsonl")), "nothing was left"

    folders = [tmp_path / f"flusher{number}" for number in range(FLUSHERS)]
    flushers = []
    for folder in folders:
        folder.mkdir()
        (folder / "app.yaml").write_text(PIPELINE)
        command = [str(BEACON), "run", "--once", "-p", "app.yaml", "--log-level", "warning"]
        flushers.append(subprocess.Popen(command, cwd=folder, env={**environ, "BEACON_TRACK_SPOOL": str(spool)}))
    assert [flusher.wait(120) for flusher in flushers] == [0] * FLUSHERS

    out = [folder / "out.jsonl" for folder in folders]
    events = [json.loads(line) for path in out if path.exists() for line in path.read_text().splitlines()]
    assert Counter(event["name"] for event in events) == {"command": INVOCATIONS}
    assert len({event["attributes"]["log.record.uid"] for event in events}) == INVOCATIONS
    assert {event["attributes"]["beacon.command.name"] for event in events} == {"env.claim"}
    assert [path.name for path in spool.iterdir() if path.suffix == ".jsonl"] == []
