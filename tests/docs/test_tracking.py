"""Telemetry of one's own CLI: the privacy page lists what the code sends, the example reaches Datadog's intake."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from beacon_core.testing import FaultyServer
from beacon_track import consent, events, places


def table(page: str, heading: str) -> set[str]:
    """Return the first cells of the table below a heading."""
    (part,) = [text for text in page.split("\n## ") if text.startswith(heading)]
    return set(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE))


def test_the_privacy_page_lists_exactly_what_is_sent(root: Path) -> None:
    page = (root / "docs" / "reference" / "privacy.md").read_text(encoding="utf-8")
    assert table(page, "What an event says") == events.ATTRIBUTES
    assert table(page, "What it says about where it ran") == events.RESOURCE


def test_the_privacy_page_names_every_file(root: Path) -> None:
    page = (root / "docs" / "reference" / "privacy.md").read_text(encoding="utf-8")
    internal = {"part-", "queue.db"}  # what is being written, and what an application's own pipeline may put there
    assert [name for name in (*places.OWN, consent.FILE) if name not in internal and f"`{name}" not in page] == []


@pytest.mark.parametrize("arguments", [["env", "claim", "--name", "hunter2"]])
def test_the_example_delivers_to_the_browser_intake_with_its_client_token(
    root: Path, tmp_path: Path, arguments: list[str]
) -> None:
    shutil.copytree(root / "docs" / "examples" / "tracked-cli", tmp_path / "acme")
    pipeline = tmp_path / "acme" / "acme.yaml"
    with FaultyServer() as intake:
        logs = f"logs: {{endpoint: '{intake.url}'}}\n    ddsource: acme"
        pipeline.write_text(pipeline.read_text().replace("ddsource: acme", logs))
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
        command = [sys.executable, "-W", "error", str(tmp_path / "acme" / "acme.py"), *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hunter2 is yours\n", "")
        deadline = time.monotonic() + 60
        while not intake.requests:
            log = tmp_path / "state" / "beacon-track" / "acme" / "flush.log"
            assert time.monotonic() < deadline, log.read_text() if log.exists() else "no flush"
            time.sleep(0.05)
        (request,) = intake.requests
    assert "pub00000000000000000000000000000000" in request.path
    entries = [json.loads(line) for line in zlib.decompress(request.body).splitlines()]
    assert [entry["event.name"] for entry in entries] == ["step", "command"]
    assert entries[1]["beacon.command.name"] == "env.claim"
    assert entries[1]["service"] == "acme"
    assert "hunter2" not in json.dumps(entries)
