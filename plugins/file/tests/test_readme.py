"""The README: its table is what the code says, its examples are valid and do what is said."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from beacon_core import Host
from beacon_core.testing import make_samples
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter

ROOT = Path(__file__).parents[3]
README = (ROOT / "plugins" / "file" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
TABLE = """
import sys
sys.path.insert(0, sys.argv[1])
import reference
from beacon_core.plugins import load
print(reference.component_parts("file", "", load("exporters", "file"))[-1])
"""


def test_the_table_of_options_is_what_the_code_says() -> None:
    command = [sys.executable, "-W", "error", "-c", TABLE, str(ROOT / "tools")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    shown = re.search(r"<!-- options of exporters file[^\n]*-->\n(.*?)<!-- end of options -->", README, re.DOTALL)
    assert shown is not None
    assert shown[1].strip() == done.stdout.strip(), "out of date: make docs"


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_write_files(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any]
    (options,) = yaml.safe_load(block)["exporters"].values()
    exporter = FileExporter(FileConfig.model_validate(options))
    exporter.validate()
    exporter.start(Host("file"))
    exporter.export(make_samples())
    exporter.shutdown(1)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jsonl")}
    named = {f"out/sample/2026-11-20/{signal}.jsonl" for signal in ("log", "metric", "span")}
    assert files == (named if "{" in options["path"] else {"out/telemetry.jsonl"})
