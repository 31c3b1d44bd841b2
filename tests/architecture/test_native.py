"""beacon-native and Beacon know each other through one door only, and every compiled module has its types."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
SOURCES = sorted(p for p in (NATIVE / "beacon_native").iterdir() if p.suffix in {".pyx", ".pxd", ".pxi"})
MODULES = [path for path in SOURCES if path.suffix == ".pyx"]
DOOR = ROOT / "beacon_core" / "native.py"
PYTHON = [
    path
    for folder in ("beacon_core", "plugins", "sdk", "tools", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
#: What C and Python themselves bring.
ALLOWED = {"cpython", "cython", "libc", "beacon_native"}
#: What takes the checks of Cython away.
UNSAFE = {"boundscheck", "wraparound", "initializedcheck", "nonecheck", "overflowcheck", "cdivision", "nogil"}


def imported(source: str) -> Iterator[str]:
    """Yield the first name of everything that a .pyx imports, in whatever function."""
    for match in re.finditer(r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+([\w.]+))", source, re.MULTILINE):
        yield (match[1] or match[2]).partition(".")[0] or "beacon_native"


def test_there_is_native_code() -> None:
    assert MODULES


def test_all_ways_to_import_are_seen() -> None:
    source = "from a.b cimport c\nimport d\ncimport e\ndef f():\n    from g import (\n        h)\nfrom . import i\n"
    assert list(imported(source)) == ["a", "d", "e", "g", "beacon_native"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_native_code_imports_nothing_but_c_and_itself(path: Path) -> None:
    assert set(imported(path.read_text())) <= ALLOWED


def test_the_python_file_of_beacon_native_imports_nothing() -> None:
    tree = ast.parse((NATIVE / "beacon_native" / "__init__.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_every_compiled_module_has_its_types_beside_it(path: Path) -> None:
    assert path.with_suffix(".pyi").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_file_takes_checks_away_as_a_whole(path: Path) -> None:
    for line in path.read_text().splitlines():
        if line.startswith("# cython:"):
            assert not UNSAFE & set(re.findall(r"\w+", line)), line


def test_only_one_module_opens_the_door() -> None:
    assert "beacon_native" in DOOR.read_text()
    wrong = []
    for path in PYTHON:
        if path == DOOR:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            wrong += [
                f"{path.relative_to(ROOT)}: {name}" for name in names if re.match(r"beacon_native(\.\w+)*$", name)
            ]
    assert not wrong


def test_the_extra_fast_asks_for_this_beacon_native_and_nothing_else_does() -> None:
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    native = tomllib.loads((NATIVE / "pyproject.toml").read_text())["project"]
    (requirement,) = [r for r in map(Requirement, core["optional-dependencies"]["fast"]) if r.name == native["name"]]
    assert native["version"] in requirement.specifier
    assert native["requires-python"] == core["requires-python"]
    assert native["dependencies"] == []
    assert not [each for each in core["dependencies"] if "native" in each]
