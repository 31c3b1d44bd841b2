"""The recorded sessions of real agents: the strict intakes take everything that they send."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.datadog.tests.datadog_server import DatadogServer
from tests.pipeline_run import Run

KEY = "FAKE" * 8
AGENTS = Path(__file__).parents[3].parent / "shared" / "fixtures" / "agents"

pytestmark = pytest.mark.skipif(not AGENTS.is_dir(), reason="the recorded sessions are not beside this checkout")


def requests() -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield every request in JSON, with how it was recorded."""
    for manifest in sorted(AGENTS.glob("*/*/manifest.json")):
        for entry in json.loads(manifest.read_text()):
            headers = {name.lower(): value for name, value in entry["headers"].items()}
            if entry["transport"] == "http" and "json" in headers.get("content-type", ""):
                body = (manifest.parent / entry["file"]).read_bytes()
                yield entry, gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


@pytest.mark.parametrize("key", [KEY, "pub" + KEY], ids=["API key", "client token"])
def test_every_record_of_real_agents_is_taken(intake: DatadogServer, run: Run, key: str) -> None:
    intake.key = key
    lines = {json.dumps(json.loads(body)): entry["records"] for entry, body in requests()}
    outcome = run("".join(f"{line}\n" for line in lines).encode())
    assert outcome.balanced
    assert outcome.dead == {}
    assert outcome.figures == {"accepted": sum(lines.values()), "delivered": sum(lines.values())}
    assert len(intake.logs) + len(intake.series) + len(intake.points) >= sum(lines.values())
