"""What somebody does first: `beacon init`, `beacon version`, `beacon completion`."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from beacon_core import __version__

BEACON = Path(sys.executable).with_name("beacon")
CREDENTIALS = {
    "SPLUNK_HEC_ENDPOINT": "https://127.0.0.1:8088",
    "SPLUNK_HEC_TOKEN": "00000000-0000-0000-0000-000000000000",
    "DD_API_KEY": "0" * 32,
}
EXPORTERS = ("file", "splunk_hec", "datadog")


def beacon(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), **variables}
    return subprocess.run(
        [str(BEACON), *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "exporters", [each for size in (1, 2, 3) for each in itertools.combinations(EXPORTERS, size)], ids="+".join
)
def test_what_init_writes_is_valid(tmp_path: Path, exporters: tuple[str, ...]) -> None:
    options = [word for name in exporters for word in ("--exporter", name)]
    done = beacon(tmp_path, "init", *options)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "beacon run --pipeline pipeline.yaml" in done.stderr
    checked = beacon(tmp_path, "validate", "--pipeline", "pipeline.yaml", **CREDENTIALS)
    assert (checked.returncode, checked.stdout) == (0, "valid: 1 pipeline (default)\n"), checked.stderr


def test_init_prints_and_takes_an_exporter_once(tmp_path: Path) -> None:
    done = beacon(tmp_path, "init", "-", "--exporter", "file", "--exporter", "file")
    assert done.returncode == 0
    assert "exporters: [file]" in done.stdout
    assert done.stderr == ""
    assert not (tmp_path / "pipeline.yaml").exists()


def test_init_replaces_no_file_unless_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("receivers: {}\n")
    refused = beacon(tmp_path, "init", "mine.yaml")
    assert refused.returncode == 1
    assert "mine.yaml is there already; --force replaces it" in refused.stderr
    assert (tmp_path / "mine.yaml").read_text() == "receivers: {}\n"
    assert beacon(tmp_path, "init", "mine.yaml", "--force").returncode == 0
    assert "sanitize" in (tmp_path / "mine.yaml").read_text()
    nowhere = beacon(tmp_path, "init", "no/such/folder.yaml")
    assert nowhere.returncode == 1
    assert "cannot write no/such/folder.yaml: No such file or directory" in nowhere.stderr
    assert "did you mean" in beacon(tmp_path, "init", "--exporter", "file", "--exprter", "x").stderr.lower()


def test_version_says_what_is_installed(tmp_path: Path) -> None:
    done = beacon(tmp_path, "version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"beacon {__version__}\n")
    about = json.loads(beacon(tmp_path, "version", "--json").stdout)
    assert about["version"] == __version__
    assert about["python"] == ".".join(map(str, sys.version_info[:3]))
    assert about["plugins"].keys() >= {"beacon-file", "beacon-splunk", "beacon-datadog"}
    assert all(f"{name} {number}" in done.stdout for name, number in about["plugins"].items())
    assert about["native"].keys() == {"version", "used", "says"}
    assert done.stdout.endswith(f"{about['native']['says']}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_can_read(tmp_path: Path, shell: str) -> None:
    done = beacon(tmp_path, "completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_BEACON_COMPLETE" in done.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    checked = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"), [("beacon val", "validate"), ("beacon components exp", "exporters")], ids=["command", "kind"]
)
def test_a_shell_that_asks_gets_what_could_follow(tmp_path: Path, words: str, expected: str) -> None:
    asked = {"_BEACON_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert f"plain,{expected}" in beacon(tmp_path, **asked).stdout
