"""Finds the Markdown files of the project, cuts them into blocks, and hands the blocks to the tests by language.

A test that takes `yaml_block` runs once for each block marked `yaml`, and so on; one that takes `page` once for each
file that has `console` blocks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NOT_OURS = {"node_modules", "build", "dist"}
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    """A code block: where it is, its language, what else its first line says (the name of a file), and its text."""

    path: Path
    line: int
    language: str
    name: str
    text: str
    fenced: bool = True

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT).as_posix()}:{self.line}"


def markdown_files() -> list[Path]:
    """Return every Markdown file of the project."""
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
    return sorted(ROOT / path for path in found if not any(p.startswith(".") or p in _NOT_OURS for p in path.parts))


def blocks_of(path: Path) -> list[Block]:
    """Return the code blocks of a file; one that is indented instead of fenced counts as shell commands."""
    found: list[Block] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    number = 0
    in_list = False
    while number < len(lines):
        start, line = number, lines[number]
        number += 1
        if opening := _FENCE.match(line):
            while lines[number].strip() != opening["fence"]:
                number += 1
            indent = len(opening["indent"])
            text = "".join(f"{inner[indent:]}\n" for inner in lines[start + 1 : number])
            language, _, name = opening["info"].strip().partition(" ")
            found.append(Block(path, start + 1, language, name.strip(), text))
            number += 1
        elif line.startswith("    ") and not in_list and not lines[start - 1].strip():
            while number < len(lines) and lines[number].startswith("    "):
                number += 1
            found.append(
                Block(path, start + 1, "sh", "", "".join(f"{text[4:]}\n" for text in lines[start:number]), False)
            )
        elif line.strip() and not line.startswith(" "):
            in_list = re.match(r"[*+-] |\d+[.)] ", line) is not None
    return found


BLOCKS = {path: blocks_of(path) for path in markdown_files()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    everything = [block for blocks in BLOCKS.values() for block in blocks]
    for fixture in metafunc.fixturenames:
        language, _, kind = fixture.rpartition("_")
        if kind == "block":
            metafunc.parametrize(fixture, [block for block in everything if block.language == language], ids=str)
    if "page" in metafunc.fixturenames:
        pages = [path for path, blocks in BLOCKS.items() if any(block.language == "console" for block in blocks)]
        metafunc.parametrize("page", pages, ids=lambda path: path.relative_to(ROOT).as_posix())


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def blocks() -> dict[Path, list[Block]]:
    return BLOCKS
