"""[T7, T9] Many commands and several flushers at once: every event arrives exactly once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

COMMANDS = 200
ABRUPT = 7  # every seventh leaves by os._exit
#: Forks a process for each command, since an interpreter for each would take most of the test's time.
PROGRAM = f"""
import os, sys
import json, beacon_track.sanitize, beacon_track.recorder, beacon_track.handover
from beacon_track import Telemetry

children = []
for number in range({COMMANDS}):
    child = os.fork()
    if child == 0:
        telemetry = Telemetry(app="acme", version="1")
        with telemetry.track("env.claim") as command:
            command.set("number", number)
            with telemetry.step("inner"):
                pass
        if number % {ABRUPT} == 0:
            os._exit(3)
        sys.exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_t7_t9_200_commands_in_parallel_and_three_flushers_deliver_every_event_exactly_once(
    home: Any, server: Any
) -> None:
    commands = subprocess.Popen([sys.executable, "-W", "ignore", "-c", PROGRAM], env=home.environ)
    while commands.poll() is None:
        flush_thrice(home, server.url)
    assert commands.returncode == 0
    flush_thrice(home, server.url)
    home.flush(server.url)  # what the others had taken meanwhile is theirs; what the dead have left is found by now
    records = server.records()
    ids = Counter(record["attributes"]["log.record.uid"] for record in records)
    assert set(ids.values()) == {1}
    numbers = sorted(record["attributes"]["acme.number"] for record in records if record["name"] == "command")
    assert numbers == list(range(COMMANDS))
    assert len(ids) == 2 * COMMANDS
    assert [name for name in home.names() if name.endswith(".jsonl")] == []


def flush_thrice(home: Any, url: str) -> None:
    variables = {**home.environ, "BEACON_TRACK_ENDPOINT": url, "BEACON_TRACK_DISABLED": "1"}
    command = [sys.executable, "-m", "beacon_track", "flush", str(home.spool)]
    flushers = [subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL) for _ in range(3)]
    for flusher in flushers:
        flusher.wait(120)
