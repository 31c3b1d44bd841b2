"""The examples and the action are what each CI can read; their scripts are what shellcheck finds nothing in ([C18])."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.ci_examples.conftest import EXAMPLES, ROOT
from tests.e2e.ci_examples.scripts import (
    Script,
    buildkite_scripts,
    gitlab_scripts,
    jenkins_scripts,
    without_texts,
)

SCHEMAS = {
    "action.yml": ["vendor.github-actions"],
    "github-wrapped.yml": ["vendor.github-workflows"],
    "github-sidecar.yml": ["vendor.github-workflows"],
    "gitlab-ci.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "buildkite.yml": ["vendor.buildkite"],
}
TOOLS = Path(sys.executable).parent


def path_of(name: str) -> Path:
    return ROOT / name if name == "action.yml" else EXAMPLES / name


def all_scripts() -> list[Script]:
    jenkins, gitlab, buildkite = (path_of(n).read_text() for n in ("Jenkinsfile", "gitlab-ci.yml", "buildkite.yml"))
    steps = list(yaml.safe_load(path_of("action.yml").read_text())["runs"]["steps"])
    for name in ("github-wrapped.yml", "github-sidecar.yml"):
        for job in yaml.safe_load(path_of(name).read_text())["jobs"].values():
            steps += job["steps"]
    texts = [(f"step {n}", step.get("run") or step.get("with", {}).get("command")) for n, step in enumerate(steps)]
    return [
        *(Script(name, "bash", text) for name, text in texts if text),
        *(script for job in ("wrapped", "sidecar") for script in gitlab_scripts(gitlab, job)),
        *jenkins_scripts(jenkins),
        *buildkite_scripts(buildkite),
    ]


@pytest.mark.parametrize("name", SCHEMAS)
def test_c18_an_example_is_what_the_schema_of_its_ci_says(name: str) -> None:
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", *SCHEMAS[name], str(path_of(name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_c18_the_schemas_do_find_mistakes(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(path_of("github-sidecar.yml").read_text().replace("runs-on:", "run-on:"))
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(wrong)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 1


def test_c18_the_jenkinsfile_is_a_declarative_pipeline() -> None:
    structure = without_texts(path_of("Jenkinsfile").read_text())
    depth = 0
    opened: list[str] = []
    for number, line in enumerate(structure.splitlines(), 1):
        for character in line:
            depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(character, 0)
            assert depth >= 0, f"line {number}"
        if found := re.fullmatch(r"\s*(\w+)(?:\(.*\))? \{", line):
            opened.append(found[1])
    assert depth == 0
    assert structure.strip().startswith("pipeline {")
    blocks = {"pipeline", "parameters", "environment", "stages", "stage", "steps", "post", "always"}
    assert blocks <= set(opened) <= {*blocks, "withCredentials"}
    assert '"' not in structure, "a text in double quotes is a template of Groovy: what stands in it would be code"


def test_c18_shellcheck_finds_nothing_in_the_scripts(tmp_path: Path) -> None:
    scripts = all_scripts()
    assert len(scripts) == 14
    for number, script in enumerate(scripts):
        path = tmp_path / f"{number}-{script.name}"
        path.write_text(f"#!/usr/bin/env {script.shell}\n# shellcheck disable=SC1091\n{script.text}\n")
    files = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run([str(TOOLS / "shellcheck"), *files], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_c18_every_example_is_in_the_readme_and_says_what_it_is() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        if path.name != "README.md":
            assert f"({path.name})" in readme
            assert path.read_text().startswith(("# ", "// "))
