"""What holds for every module of beacon-native: it is compiled, typed, and knows nothing of Beacon."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("beacon_native.otlp", reason="beacon-native is not built here")

SOURCES = sorted((Path(__file__).parents[1] / "beacon_native").glob("*.pyx"))


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem)
def source(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


@pytest.fixture
def module(source: Path) -> ModuleType:
    return importlib.import_module(f"beacon_native.{source.stem}")


def test_every_source_is_compiled(module: ModuleType) -> None:
    assert module.__file__ is not None
    assert module.__file__.endswith((".so", ".pyd"))


def test_the_types_name_every_function_of_a_module_and_nothing_that_it_has_not(
    module: ModuleType, source: Path
) -> None:
    typed = [
        node
        for node in ast.parse(source.with_suffix(".pyi").read_text()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    public = {name for name in vars(module) if not name.startswith("_")}
    own = {name for name in public if getattr(getattr(module, name), "__module__", None) == module.__name__}
    functions = {node.name: node for node in typed if isinstance(node, ast.FunctionDef)}
    assert {node.name for node in typed} <= own  # classes that are missing are for other modules here
    assert {name for name in own if not isinstance(getattr(module, name), type)} == functions.keys()
    for node in functions.values():
        given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        assert list(inspect.signature(getattr(module, node.name)).parameters) == given


def test_everything_that_is_public_says_what_it_is_for(module: ModuleType, source: Path) -> None:
    assert module.__doc__
    for node in ast.parse(source.with_suffix(".pyi").read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            assert getattr(module, node.name).__doc__, node.name


def test_a_module_loads_nothing_of_beacon_and_nothing_heavy(module: ModuleType) -> None:
    program = (
        "import sys, json; before = set(sys.modules);"
        f"import {module.__name__}; print(json.dumps([*set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    homes = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "beacon_native" in homes
    assert homes & {"beacon_core", "msgspec", "google", "asyncio", "typing", "re"} == set()


def test_a_version_says_which_beacon_it_is_for() -> None:
    import beacon_native

    assert isinstance(beacon_native.INTERFACE, int)
    assert version("beacon-native")
