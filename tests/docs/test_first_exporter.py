"""The tutorial of a third party's exporter: built, installed as a distribution of its own, checked and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beacon_core.testing import FaultyServer

PAGE = "first-exporter.md"
CONTRACT = "beacon_webhook_contract.py"
PIPELINE = """
receivers: {stdin: {}}
processors: {sanitize: {}}
exporters: {webhook: {url: "URL", token: "${env:WEBHOOK_TOKEN}"}}
service:
  queue: {path: queue.db}
  pipelines: {default: {receivers: [stdin], processors: [sanitize], exporters: [webhook]}}
"""


@pytest.fixture
def project(tmp_path: Path, blocks: dict[Path, list[Any]]) -> Path:
    """The files of the page, and the distribution installed into a folder beside them."""
    found = {block.name: block for path, each in blocks.items() if path.name == PAGE for block in each if block.name}
    assert {"beacon_webhook.py", "pyproject.toml", CONTRACT} <= set(found)
    for name, block in found.items():
        (tmp_path / name).write_text(block.text)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--target",
        "site",
    ]
    subprocess.run([*command, "."], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def run(project: Path, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(project / "site"), "WEBHOOK_TOKEN": "FAKE-token-0000"}
    return subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False, **more)


def lines(project: Path, name: str) -> int:
    """Return the lines of a file that are neither empty nor documentation."""
    inside, count = False, 0
    for line in (project / name).read_text().splitlines():
        text = line.strip()
        inside ^= text.count('"""') == 1
        count += bool(text) and not inside and not text.startswith('"""')
    return count


def test_the_exporter_of_the_tutorial_keeps_the_contract_is_found_and_delivers(project: Path) -> None:
    assert lines(project, "beacon_webhook.py") <= 40
    assert lines(project, CONTRACT) <= 12
    (project / "beacon_webhook.py").unlink()  # only what is installed is tested
    checks = run(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CONTRACT)
    assert checks.returncode == 0, checks.stdout
    assert " passed" in checks.stdout
    beacon = str(Path(sys.executable).with_name("beacon"))
    listed = run(project, beacon, "components", "exporters", "webhook", "--json")
    (described,) = json.loads(listed.stdout)
    assert described["distribution"] == "beacon-webhook"
    assert {"url", "token", "timeout", "tls.ca_file", "max_in_flight"} <= {
        each["name"] for each in described["options"]
    }
    with FaultyServer() as server:
        (project / "p.yaml").write_text(PIPELINE.replace("URL", server.url))
        done = run(project, beacon, "run", "-p", "p.yaml", input='{"message": "token=sk_live_FAKE0000"}\n')
        assert done.returncode == 0, done.stderr
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer FAKE-token-0000"
    assert "sk_live" not in request.body.decode()
    assert "FAKE-token-0000" not in done.stderr


def test_beacon_plugins_check_says_of_the_installed_exporter_what_the_tutorial_shows(
    project: Path, blocks: dict[Path, list[Any]]
) -> None:
    for name in ("beacon_webhook.py", CONTRACT):  # only what is installed is checked
        (project / name).unlink()
    beacon = str(Path(sys.executable).with_name("beacon"))
    done = run(project, beacon, "plugins", "check", "beacon-webhook")
    assert done.returncode == 0, done.stdout
    (shown,) = (
        block.text for path, each in blocks.items() if path.name == PAGE for block in each if block.language == "text"
    )
    said = iter(done.stdout.splitlines())
    assert [line for line in shown.splitlines() if line not in said] == []  # in this order
    assert "does not hold" not in done.stdout
