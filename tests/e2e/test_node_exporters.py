"""The OpenTelemetry SDK for Node, from npm, delivers all three signals over gRPC: `make clients`.

Not among the usual tests: it installs 80 MB of packages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_grpc import PIPELINE, target_of

NODE = Path(__file__).parent / "node"

pytestmark = pytest.mark.skipif(
    not (os.environ.get("BEACON_TEST_NODE") and shutil.which("npm")), reason="run it with `make clients`; it needs npm"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and its packages."""
    folder = tmp_path_factory.mktemp("node") / "program"
    shutil.copytree(NODE, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(install, cwd=folder, check=True, timeout=600)
    return folder


def test_the_node_sdks_exporters_deliver_all_three_signals(program: Path, beacon: Callable[..., Any]) -> None:
    run = beacon(PIPELINE)
    sent = subprocess.run(
        ["node", "send.mjs", f"http://{target_of(run)}"],
        cwd=program,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (sent.returncode, sent.stderr) == (0, "")
    receipt = run.stop()
    assert receipt["refused"] == {}
    found = {line["signal"]: line for line in run.lines()}
    assert {signal: line["name"] for signal, line in found.items()} == {
        "log": "a log",
        "metric": "a metric",
        "span": "a span",
    }
    assert (found["log"]["body"], found["metric"]["metric"]["value"]) == ("hello", 3)
