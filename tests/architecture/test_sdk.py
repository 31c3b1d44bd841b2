"""What a command-line tool gets with `beacon_track`: no dependency, and nothing imported before it is needed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sdk" / "beacon_track").rglob("*.py"))
#: What a hook is for, which the application that asks for it has imported.
FRAMEWORKS = {"click.py": "click", "typer.py": "typer"}
#: What takes milliseconds to import; a command that needs it pays when it does.
SLOW = {"asyncio", "dataclasses", "email", "http", "inspect", "logging", "pathlib", "re", "ssl", "subprocess", "typing"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_beacon_track_imports_nothing_but_the_standard_library(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "beacon_track"}
    if path.parent.name == "integrations":
        allowed.add(FRAMEWORKS.get(path.name, "beacon_track"))
    assert set(imported(path)) <= allowed


def test_beacon_track_has_no_dependencies_and_runs_on_python_3_9() -> None:
    project = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []
    assert "optional-dependencies" not in project
    assert project["requires-python"] == ">=3.9"


@pytest.mark.parametrize("statement", ["import beacon_track", "from beacon_track import decide"])
def test_the_import_loads_nothing_that_takes_long(statement: str) -> None:
    program = (
        f"import sys, json; before = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    loaded = {name for name in json.loads(done.stdout) if not name.startswith("encodings")}
    assert {name.partition(".")[0] for name in loaded} & SLOW == set()
