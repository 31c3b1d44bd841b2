"""Code blocks that stand for themselves: pipeline files are validated, JSON is parsed, Python runs, shell is read."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from beacon_core import decode_line
from beacon_core.cli import main

#: For what a block refers to and does not define itself. Types that are not here need no options.
OPTIONS: dict[str, dict[str, Any]] = {
    "file_input": {"include": ["*.jsonl"]},
    "file": {"path": "out.jsonl"},
    "splunk_hec": {"endpoint": "https://splunk.example:8088", "token": "${env:SPLUNK_HEC_TOKEN}"},
    "datadog": {"api": {"key": "${env:DD_API_KEY}"}},
}
SECTIONS = ("receivers", "processors", "exporters")


def base_of(block: dict[str, Any]) -> dict[str, Any]:
    """Return what a block lacks to be a whole pipeline: a pipeline with its components, and those it only refers to."""
    named = {section: dict.fromkeys(block.get(section) or {}) for section in SECTIONS}
    service = block.get("service") or {}
    pipelines = service.get("pipelines")
    for part in [*(pipelines or {}).values(), *(block.get("overlays") or [])]:
        for section in SECTIONS:
            named[section] |= dict.fromkeys(part.get(section) or {})
    named["receivers"] |= {} if named["receivers"] else {"stdin": None}
    named["exporters"] |= {} if named["exporters"] else {"file": None}
    named["processors"] = {name: None for name in named["processors"] if name != "sanitize"} | {"sanitize": None}
    base: dict[str, Any] = {
        section: {n: OPTIONS.get(n.partition("/")[0], {}) for n in names if n not in (block.get(section) or {})}
        for section, names in named.items()
    }
    wanted = {
        name: {section: list(names) for section, names in named.items() if section not in (options or {})}
        for name, options in (pipelines or {"default": None}).items()
    }
    return base | {"service": {"pipelines": wanted}}


def environment_of(text: str) -> dict[str, str]:
    """Return values for the variables that a text needs."""
    names = {"SPLUNK_HEC_TOKEN", "DD_API_KEY", *re.findall(r"\$\{env:(\w+)\}", text)}
    return {name: f"made-up-{name.lower()}" for name in names}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pipeline_file_is_valid(yaml_block: Any, folder: Path) -> None:
    if yaml_block.name.startswith("."):
        assert yaml.safe_load(yaml_block.text), f"{yaml_block}: another program's file"
        return
    (folder / "block.yaml").write_text(yaml_block.text)
    (folder / "base.yaml").write_text(yaml.safe_dump(base_of(yaml.safe_load(yaml_block.text))))
    for path in re.findall(r"\$\{file:([\w./-]+)\}", yaml_block.text):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("made-up\n")
    arguments = ["validate", "-p", "base.yaml", "-p", "block.yaml"]
    environment: dict[str, str | None] = {"CI": None, "GITHUB_ACTIONS": None, **environment_of(yaml_block.text)}
    for provider in ({}, {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}):
        done = CliRunner().invoke(main, arguments, env=environment | provider)
        assert done.exit_code == 0, f"{yaml_block}\n{done.output}"


def test_json_is_json_and_an_event_is_an_event(json_block: Any) -> None:
    try:
        values = [json.loads(json_block.text)]
    except json.JSONDecodeError:
        values = [json.loads(line) for line in json_block.text.splitlines()]
    for value in values:
        if isinstance(value, dict) and "signal" in value:
            assert decode_line(json.dumps(value).encode()).id == value["id"]


def test_toml_can_be_read(toml_block: Any) -> None:
    assert tomllib.loads(toml_block.text)


def test_python_runs(python_block: Any, folder: Path) -> None:
    if python_block.name:  # a file, which test_first_exporter.py installs, or the commands of its page run
        assert python_block.path.name in {"first-exporter.md", "track-your-cli.md"}
        return
    command = [sys.executable, "-W", "error", "-c", python_block.text]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{python_block}\n{done.stderr}"


def test_shell_commands_can_be_read_and_those_of_beacon_and_make_exist(sh_block: Any, root: Path) -> None:
    done = subprocess.run(["bash", "-n", "-c", sh_block.text], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{sh_block}\n{done.stderr}"
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for line in sh_block.text.replace("\\\n", " ").splitlines():
        for command in simple_commands(line):
            if command[0] == "beacon":
                read_by_click(command[1:])
            elif command[0] == "make":
                assert targets.issuperset(command[1:]), f"{sh_block}\n{line}"


def simple_commands(line: str) -> list[list[str]]:
    """Return the commands of a line, without redirections."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    words.commenters = "#"
    words.whitespace_split = True
    commands: list[list[str]] = [[]]
    skip = False
    for word in words:
        if set(word) <= set("|&;()"):
            commands.append([])
        elif set(word) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def read_by_click(arguments: list[str]) -> None:
    """Have click read a command line without running it; raises if there is no such command or option."""
    command: click.Command = main
    rest = [word for word in arguments if word not in {"-h", "--help", "--version"}]
    while rest and isinstance(command, click.Group):
        name, *rest = rest
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"beacon has no {name} there"
        command = found
    if command is not main and (rest or not isinstance(command, click.Group)):
        command.make_context("beacon", rest)


def test_what_a_block_lacks_is_added_and_nothing_else() -> None:
    base = base_of({"exporters": {"file": {"path": "x"}}, "overlays": [{"when": {}, "exporters": {"datadog": {}}}]})
    assert base["exporters"] == {"datadog": OPTIONS["datadog"]}
    assert base["service"]["pipelines"]["default"] == {
        "receivers": ["stdin"],
        "processors": ["sanitize"],
        "exporters": ["file", "datadog"],
    }
    whole = {"receivers": ["stdin"], "processors": ["sanitize"], "exporters": ["file"]}
    base = base_of({"receivers": {"stdin": {}}, "service": {"pipelines": {"default": whole}}})
    assert base["receivers"] == {}
    assert base["service"] == {"pipelines": {"default": {}}}
