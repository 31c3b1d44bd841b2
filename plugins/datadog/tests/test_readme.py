"""The README: its table is generated, its pipelines run, its table of statuses says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from beacon_core import Metric, encode_lines
from beacon_core.testing import make_batch, make_event
from beacon_datadog import answers, config
from beacon_datadog.config import DatadogConfig
from plugins.datadog.tests.datadog_server import DatadogServer
from tests.pipeline_run import run_file

KEY = "FAKE" * 8
ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "plugins" / "datadog"
README = (PLUGIN / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
PIPELINES = [block for block in BLOCKS if "service:\n  queue" in block]
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (PLUGIN / "beacon_datadog").glob("*.py"))

#: What the README says of an action.
FATES = {
    "delivered": "delivered",
    "retry": "sent again;",
    "ambiguous": "sent again, possible duplicates",
    "hold": "kept, tried again slowly",
    "bisect": "that one is a dead letter",
    "split": "a single event is a dead letter",
}


def test_the_table_of_options_is_what_the_code_says(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "tools" / "reference.py"), str(tmp_path / "pages")]
    subprocess.run([*command, "--readmes", str(tmp_path)], check=True, timeout=60)
    assert (tmp_path / "datadog" / "README.md").read_text(encoding="utf-8") == README, "out of date: make docs"
    for name in set(DatadogConfig.model_fields) - {"batch", "retry_on_failure", "max_in_flight"}:
        assert f"| `{name}" in README


@pytest.mark.parametrize("block", PIPELINES)
def test_each_pipeline_runs(intake: DatadogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DD_CLIENT_TOKEN", "pub" + KEY)
    point = make_event(id="p-0", signal="metric", name="tokens", body=None, metric=Metric(kind="gauge", value=1))
    (tmp_path / "input.jsonl").write_bytes(encode_lines([*make_batch(3), point]))
    (tmp_path / "pipeline.yaml").write_text(block)
    token = "DD_CLIENT_TOKEN" in block
    intake.key = "pub" + KEY if token else KEY
    endpoints = [f"exporters.datadog.{name}.endpoint={intake.url}" for name in ("logs", "metrics")]
    changes = [word for option in endpoints for word in ("--set", option)]
    _, receipt = run_file(tmp_path, *changes, DD_API_KEY=KEY)
    assert receipt["balanced"]
    assert receipt["exporters"]["datadog"]["delivered"] == 4
    assert sorted(intake.ids) == [*(["p-0"] if token else []), "test-0", "test-1", "test-2"]
    assert [one["metric"] for one in intake.series] == ([] if token else ["tokens"])


def test_the_other_blocks_are_options_of_the_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_API_KEY", KEY)
    others = [block for block in BLOCKS if block not in PIPELINES]
    assert (len(PIPELINES), len(others)) == (2, 1)
    for block in others:
        DatadogConfig.model_validate(yaml.safe_load(block)["exporters"]["datadog"])
    DatadogConfig.model_validate({})


def test_p10_every_status_of_the_table_is_explained_as_the_code_treats_it() -> None:
    table = tomllib.loads(Path(answers.__file__).with_name("answers.toml").read_text())["status"]
    lines = README.partition("## What the errors mean")[2].splitlines()
    rows = {cells[1].strip(): cells for line in lines if len(cells := line.split("|")) == 6}
    rows = {status: cells for status, cells in rows.items() if re.fullmatch(r"\d(\d\d|xx)", status)}
    assert rows.keys() == table.keys()
    for status, cells in rows.items():
        assert FATES[table[status]["action"]] in cells[3], status
        assert cells[4].strip(), status


def test_every_site_is_named() -> None:
    table = tomllib.loads(Path(config.__file__).with_name("sites.toml").read_text())["site"]
    assert all(f"`{site}`" in README for site in table)


def test_every_counter_is_explained() -> None:
    counted = set(re.findall(r'(?:count|note)\(\s*"(\w+)"', CODE)) | set(
        re.findall(r'\("(\w+)", "\w+"\): encoder', CODE)
    )
    explained = README.partition("| counter |")[2].partition("\n\n")[0]
    assert counted == set(re.findall(r"^\| `(\w+)`", explained, re.MULTILINE))
