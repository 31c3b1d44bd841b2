"""An import may only point down the ladder; siblings do not know each other. Imports inside functions count too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LADDER = [
    {"errors", "files", "native"},  # `files` knows the operating system only, `native` a distribution below Beacon
    {"event", "config", "telemetry", "receipt"},  # a receipt is data: the service makes one, ci reads and shows it
    {"component", "compression", "forms", "http", "process", "sockets"},
    {"receiver", "processor", "exporter", "queue"},
    {"otlp"},
    {"lines"},
    {"receivers", "processors", "queues", "testing"},
    {"pipeline", "delivery", "loader", "plugins", "report"},  # report: reads what a run left behind, for ci and cli
    {"ci", "service"},
    {"cli"},
]
RUNG = {name: rung for rung, names in enumerate(LADDER, 1) for name in names}
CORE = sorted((ROOT / "beacon_core").rglob("*.py"))
PLUGINS = sorted(p for p in (ROOT / "plugins").glob("*/beacon_*/**/*.py") if "tests" not in p.parts)


def imported_modules(path: Path, source: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of everything that a file imports, wherever the import stands."""
    package = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(source or path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield node.lineno, module
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def home(path: Path) -> str:
    """Return the rung's name of a core file, empty for `beacon_core/__init__.py`."""
    part = path.relative_to(ROOT / "beacon_core").parts[0]
    return "" if part == "__init__.py" else part.removesuffix(".py")


def test_every_core_module_has_a_place_on_the_ladder() -> None:
    assert {home(path) for path in CORE} - {""} <= set(RUNG)


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_core_imports_only_point_down(path: Path) -> None:
    own = home(path)
    wrong = []
    for line, module in imported_modules(path):
        parts = module.split(".")
        if parts[0] != "beacon_core" or len(parts) == 1 or not own:
            continue
        other = parts[1]
        if other not in RUNG or other == own:
            continue
        if RUNG[other] >= RUNG[own] or other == "testing":
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}: rung {RUNG[other]} from rung {RUNG[own]}")
    assert not wrong


def test_siblings_of_one_kind_do_not_know_each_other() -> None:
    wrong = []
    for kind in ("receivers", "processors", "queues"):
        for path in sorted((ROOT / "beacon_core" / kind).rglob("*.py")):
            own = path.relative_to(ROOT / "beacon_core" / kind).parts[0].removesuffix(".py")
            for line, module in imported_modules(path):
                parts = module.split(".")
                if parts[:2] == ["beacon_core", kind] and len(parts) > 2 and parts[2] != own and own != "__init__":
                    wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert not wrong


@pytest.mark.parametrize("path", PLUGINS, ids=lambda p: str(p.relative_to(ROOT)))
def test_plugins_import_only_the_public_names(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[1]
    wrong = []
    for line, module in imported_modules(path):
        parts = module.split(".")
        if parts[0].startswith("beacon_") and parts[0] not in {"beacon_core", own}:
            wrong.append(f"{path}:{line} imports {module}")
        if parts[0] == "beacon_core" and len(parts) > 1:
            submodule = (ROOT / "beacon_core" / f"{parts[1]}.py").exists() or (ROOT / "beacon_core" / parts[1]).is_dir()
            if submodule and parts[1] != "testing":
                wrong.append(f"{path}:{line} imports {module}, a submodule of beacon_core")
    assert not wrong


def test_imports_inside_functions_and_relative_imports_are_seen() -> None:
    source = "def f():\n    from beacon_core.cli import main\n    from ..delivery import worker\n"
    found = {module for _, module in imported_modules(ROOT / "beacon_core" / "queues" / "sqlite.py", source)}
    assert {"beacon_core.cli", "beacon_core.delivery", "beacon_core.delivery.worker"} <= found
