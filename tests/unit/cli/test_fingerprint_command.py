from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from beacon_core.cli import exit_codes, main

PIPELINE = """\
receivers: {stdin: {}}
processors:
  fingerprint/first: {user_name: true, providers: [providers.yaml], fields: {exclude: ["os.*"]}}
  sanitize: {}
exporters: {file: {path: out.jsonl}}
service:
  pipelines:
    default: {receivers: [stdin], processors: [fingerprint/first, sanitize], exporters: [file]}
"""
PROVIDERS = 'providers:\n  - {id: acme_ci, when: [ACME_BUILD], fields: {cicd.pipeline.run.id: "${ACME_BUILD}"}}\n'
CI = {"ACME_BUILD": "7", "USER": "alice", "LOGNAME": "alice", "SHELL": "/home/alice/bin/zsh", "BEACON_RUN_ID": "mine"}
KEPT = {name: None for name in os.environ if name not in {"PATH", "HOME", "LD_LIBRARY_PATH"}}


def beacon(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["fingerprint", *arguments], env=KEPT | CI)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    (tmp_path / "providers.yaml").write_text(PROVIDERS)
    monkeypatch.chdir(tmp_path)
    return "pipeline.yaml"


def test_it_prints_what_would_be_added_and_nothing_personal() -> None:
    printed = beacon()
    rows = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert rows["beacon.run.id"] == "mine"
    assert rows["beacon.shell.name"] == "zsh"
    assert rows["process.runtime.name"] == sys.implementation.name
    assert "alice" not in printed
    assert platform.node() not in rows.values()
    assert list(rows) == sorted(rows)


def test_json_is_for_programs_and_explain_says_where_values_come_from() -> None:
    found = json.loads(beacon("--json"))
    explained = json.loads(beacon("--json", "--explain"))
    assert {name: each["value"] for name, each in explained.items()} == found
    assert explained["beacon.run.id"] == {"value": "mine", "from": "BEACON_RUN_ID"}
    assert explained["beacon.shell.name"]["from"] == "SHELL"
    assert any(
        line.startswith("beacon.run.id ") and "BEACON_RUN_ID" in line for line in beacon("--explain").splitlines()
    )


def test_the_options_of_a_pipeline_hold(pipeline: str) -> None:
    found = json.loads(beacon("--json", "-p", pipeline))
    assert (found["user.name"], found["beacon.run.provider"]) == ("alice", "acme_ci")
    assert not [name for name in found if name.startswith("os.")]
    changed = json.loads(beacon("--json", "-p", pipeline, "--set", "processors.fingerprint/first.user_name=false"))
    assert "user.name" not in changed


def test_mistakes_in_the_options_and_in_the_files_are_configuration_errors(pipeline: str) -> None:
    typo = "processors.fingerprint/first.fields.exclude=[vcs.chnge.id]"
    assert "names no attribute" in beacon("-p", pipeline, "--set", typo, code=exit_codes.CONFIGURATION)
    Path("providers.yaml").write_text("providers: 1\n")
    assert "providers.yaml:1:12" in beacon("-p", pipeline, code=exit_codes.CONFIGURATION)
    Path("none.yaml").write_text("processors: {sanitize: {}}\n")
    assert "no processor of type fingerprint" in beacon("-p", "none.yaml", code=exit_codes.CONFIGURATION)
    assert "--pipeline" in beacon("--set", "a=b", code=2)


def test_help_imports_click_and_nothing_heavy() -> None:
    program = (
        "import sys, io, contextlib\n"
        "from beacon_core.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    try: main(['fingerprint', '--help'])\n"
        "    except SystemExit: pass\n"
        "print([name for name in ('msgspec', 'pydantic', 'yaml', 'beacon_core.processors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
