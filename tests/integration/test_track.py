"""Events of `beacon_track` in a real Beacon: through a sidecar, the spool, and an application's own pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BEACON = str(Path(sys.executable).with_name("beacon"))
APPLICATION = """
import os
from beacon_track import Telemetry
telemetry = Telemetry(app="acme", version="1.2.3", pipeline=os.environ.get("ACME_PIPELINE", ""))
with telemetry.track("claim", ["--json"]):
    with telemetry.step("download"):
        pass
    with telemetry.tool("grep"):
        pass
    with telemetry.llm("claude-x", provider="anthropic") as call:
        call.usage(input_tokens=10, output_tokens=20)
"""
PIPELINE = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
  spool: {directory: "${env:BEACON_TRACK_SPOOL}", poll_interval: 50ms}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters:
  file: {path: "${env:ACME_OUT}"}
service:
  queue: {path: "${env:BEACON_TRACK_SPOOL}/queue.db"}
  pipelines:
    default: {receivers: [RECEIVERS], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""


class Place:
    """A home with an application, its pipeline, and what has come out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool = path / "state" / "beacon-track" / "acme"
        self.out = path / "out.jsonl"
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
            "HOME": str(path),
            "XDG_STATE_HOME": str(path / "state"),
            "BEACON_TRACK_SPOOL": str(self.spool),
            "ACME_OUT": str(self.out),
            "BEACON_TRACK_TIMEOUT": "45",
        }

    def run_application(self, **environ: str) -> None:
        command = [sys.executable, "-W", "error", "-c", APPLICATION]
        done = subprocess.run(
            command, env=self.environ | environ, capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout + done.stderr == ""

    def pipeline(self, receivers: str) -> Path:
        file = self.path / "acme.yaml"
        file.write_text(PIPELINE.replace("RECEIVERS", receivers))
        return file

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []

    def wait_for_events(self) -> list[dict[str, Any]]:
        """Return the four events of one run."""
        return list(wait_for(lambda: found if len(found := {uid(e): e for e in self.events()}) == 4 else None).values())

    def left(self) -> list[str]:
        return [path.name for path in self.spool.glob("*.jsonl")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture
def sidecar(place: Place) -> Iterator[str]:
    """The URL of a Beacon that runs beside the application and looks into its spool, too."""
    ready = place.path / "ready.json"
    place.spool.mkdir(parents=True, mode=0o700)
    command = [BEACON, "run", "-p", str(place.pipeline("otlp, spool")), "--ready-file", str(ready)]
    with (place.path / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=place.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(ready.exists)
    yield json.loads(ready.read_text())["endpoints"]["otlp"]["http"]
    process.terminate()
    assert process.wait(60) == 0


def check(events: list[dict[str, Any]]) -> None:
    """Events of one run of the application, as `canonicalize` leaves them."""
    by_name = {event["name"]: event["attributes"] for event in events}
    assert set(by_name) == {"command", "step", "tool.completed", "token.usage"}
    assert by_name["command"]["beacon.command.name"] == "env.claim"  # the pack `commands` knows the short name
    assert by_name["command"]["process.exit.code"] == 0
    assert by_name["tool.completed"]["gen_ai.tool.name"] == "grep"
    assert by_name["token.usage"]["gen_ai.usage.output_tokens"] == 20
    assert len({attributes["session.id"] for attributes in by_name.values()}) == 1
    for event in events:
        assert event["attributes"]["beacon.event.kind"] == "cli_command"
        assert event["resource"]["service.name"] == "acme"
        assert "beacon.redacted" not in event["attributes"]  # the engine finds nothing that was not found before


def test_t8_a_sidecar_takes_the_events_directly(place: Place, sidecar: str) -> None:
    place.run_application(BEACON_ENDPOINT=sidecar, CI="true")
    check(place.wait_for_events())


def test_t7_a_sidecar_takes_over_what_was_left_for_it(place: Place, sidecar: str) -> None:
    place.run_application()  # knows of no sidecar
    check(place.wait_for_events())
    wait_for(lambda: place.left() == [])
    assert sidecar


def test_t8_the_flusher_runs_the_pipeline_that_the_application_ships(place: Place) -> None:
    place.run_application(ACME_PIPELINE=str(place.pipeline("spool")))
    check(place.wait_for_events())
    wait_for(lambda: place.left() == [])


def test_t9_the_spool_receiver_and_flushers_at_once_deliver_every_event_exactly_once(
    place: Place, sidecar: str
) -> None:
    variables = {"BEACON_TRACK_ENDPOINT": sidecar, "BEACON_TRACK_DISABLED": "1"}
    flush = [sys.executable, "-m", "beacon_track", "flush", str(place.spool)]
    flushers = []
    for _ in range(12):
        place.run_application()
        flushers.append(subprocess.Popen(flush, env=place.environ | variables))
    for flusher in flushers:
        flusher.wait(60)
    wait_for(lambda: place.left() == [])
    wait_for(lambda: len(place.events()) >= 48)
    uids = Counter(uid(event) for event in place.events())
    assert (len(uids), set(uids.values())) == (48, {1})


def uid(event: dict[str, Any]) -> str:
    """Return the id that the application has given an event; of an agent's event it is among the raw attributes."""
    attributes = event["attributes"]
    found: str = attributes.get("log.record.uid") or attributes["beacon.raw"]["log.record.uid"]
    return found
