"""Size budgets: a file of at most 400 lines, a function of at most 50, with a small median."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = [
    *(ROOT / "beacon_core").rglob("*.py"),
    *(ROOT / "plugins").glob("*/beacon_*/**/*.py"),
    *(ROOT / "sdk" / "beacon_track").rglob("*.py"),
]
TESTS = [
    *(ROOT / "tests").rglob("*.py"),
    *(ROOT / "plugins").glob("*/tests/**/*.py"),
    *(ROOT / "sdk" / "tests").rglob("*.py"),
    *(ROOT / "native").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
]


def function_lengths() -> dict[str, int]:
    """Return lines of every function of the product, without its docstring."""
    lengths = {}
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                end = node.end_lineno or node.lineno
                docstring = ast.get_docstring(node, clean=False)
                length = end - node.lineno + 1 - (len(docstring.splitlines()) if docstring else 0)
                lengths[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = length
    return lengths


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in PRODUCT + TESTS if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_no_function_is_longer_than_50_lines() -> None:
    assert not {name: n for name, n in function_lengths().items() if n > 50}


def test_functions_are_short_as_a_rule() -> None:
    assert statistics.median(function_lengths().values()) <= 10
