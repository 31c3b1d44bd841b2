"""The README: its table is generated, its pipelines run, its tables of errors are complete."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from beacon_core import Metric, encode_lines
from beacon_core.testing import make_batch, make_event
from beacon_splunk import answers
from beacon_splunk.config import SplunkHecConfig
from plugins.splunk.tests.hec_server import HecServer
from tests.pipeline_run import run_file

TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
ROOT = Path(__file__).parents[3]
README = (ROOT / "plugins" / "splunk" / "README.md").read_text(encoding="utf-8")
CODES = Path(answers.__file__).with_name("codes.toml")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
PIPELINES = [block for block in BLOCKS if "service:" in block]


def test_the_table_of_options_is_what_the_code_says(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "tools" / "reference.py"), str(tmp_path / "pages")]
    subprocess.run([*command, "--readmes", str(tmp_path)], check=True, timeout=60)
    assert (tmp_path / "splunk" / "README.md").read_text(encoding="utf-8") == README, "out of date: make docs"
    for name in SplunkHecConfig.model_fields:
        assert f"`{name}" in README


@pytest.mark.parametrize("block", PIPELINES)
def test_each_pipeline_runs(hec: HecServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str) -> None:
    monkeypatch.chdir(tmp_path)
    point = make_event(id="p-0", signal="metric", body=None, metric=Metric(kind="gauge", value=1))
    (tmp_path / "input.jsonl").write_bytes(encode_lines([*make_batch(3), point]))
    (tmp_path / "pipeline.yaml").write_text(block)
    hec.acks = "acknowledgements" in block
    quick = ["acknowledgements.query_interval=1ms"] if hec.acks else []
    options = [f"exporters.splunk_hec.{option}" for option in (f"endpoint={hec.url}", *quick)]
    changes = [word for option in options for word in ("--set", option)]
    _, receipt = run_file(tmp_path, *changes, SPLUNK_HEC_TOKEN=TOKEN)
    assert receipt["balanced"]
    assert sorted(hec.ids) == ["p-0", "test-0", "test-1", "test-2"]
    if "metrics:" in block:
        assert {(value["index"], value["sourcetype"]) for value in hec.stored} == {
            ("agents", "beacon:event"),
            ("agents_metrics", "beacon:metric"),
        }


def test_the_other_blocks_are_options_of_the_exporter() -> None:
    others = [block for block in BLOCKS if block not in PIPELINES]
    assert len(PIPELINES) >= 2
    for block in others:
        SplunkHecConfig.model_validate(yaml.safe_load(block)["exporters"]["splunk_hec"])


def rows() -> Iterator[tuple[list[str], str]]:
    """Yield the codes of each row, and what is said to happen to the events."""
    for line in README.partition("## What the errors mean")[2].splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if re.fullmatch(r"[\d, ]+", cells[0]):
            yield cells[0].split(", "), cells[2]


def test_p10_every_code_says_what_to_do_and_no_other_code_is_named() -> None:
    named = [code for codes, _ in rows() for code in codes]
    assert sorted(named) == sorted(tomllib.loads(CODES.read_text())["code"])


def test_what_the_readme_says_of_a_code_is_what_its_action_does() -> None:
    words = {
        "delivered": "delivered",
        "retry": "sent again",
        "ambiguous": "sent again, possible duplicates",
        "hold": "kept",
        "index": "kept",
        "poison": "it becomes a dead letter",
        "reject": "dead letters",
    }
    table = tomllib.loads(CODES.read_text())["code"]
    for codes, fate in rows():
        for code in set(codes) - {"14"}:  # which is told apart from the answers to events
            assert words[table[code]["action"]] in fate, code
