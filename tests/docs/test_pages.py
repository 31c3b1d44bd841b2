"""The pages themselves: no block is left out, links lead somewhere, generated pages are up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beacon_core.config import describe
from beacon_core.plugins import load

#: What tests/docs knows how to check; `text` says that there is nothing to check.
LANGUAGES = {"yaml", "json", "toml", "python", "sh", "console", "text"}

_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^( *)(```+).*?^\1\2$", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page, made as GitHub makes them."""
    text = re.sub(r"^( *)(```+).*?^\1\2$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in _HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 1
        unique = slug
        while unique in found:
            unique, number = f"{slug}-{number}", number + 1
        found.add(unique)
    return found


def test_every_block_says_in_its_first_line_how_it_is_checked(blocks: dict[Path, list[Any]]) -> None:
    unknown = [f"{block}: {block.language!r}" for each in blocks.values() for block in each]
    assert [text for text in unknown if text.rpartition(": ")[2].strip("'") not in LANGUAGES] == []


def test_every_file_with_blocks_was_seen_and_every_fence_in_it(root: Path, blocks: dict[Path, list[Any]]) -> None:
    assert root / "README.md" in blocks
    for path, found in blocks.items():
        fences = re.findall(r"^ *(?:```|~~~)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len([block for block in found if block.fenced]), path


def test_every_link_within_the_project_leads_somewhere(root: Path, blocks: dict[Path, list[Any]]) -> None:
    broken = []
    for path in blocks:
        for inline, reference in _LINK.findall(without_code(path.read_text(encoding="utf-8"))):
            link = inline or reference
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or not target.is_relative_to(root):
                broken.append(f"{path.relative_to(root)}: {link}")
            elif anchor and anchor not in anchors(target):
                broken.append(f"{path.relative_to(root)}: {link} (no such heading)")
    assert broken == []


def test_the_index_leads_to_every_page(root: Path) -> None:
    index = root / "docs" / "README.md"
    linked = {(index.parent / link[0].partition("#")[0]).resolve() for link in _LINK.findall(index.read_text("utf-8"))}
    pages = {path for path in (root / "docs").rglob("*.md") if "decisions" not in path.parts} - {index}
    assert {str(path.relative_to(root)) for path in pages - linked} == set()


def test_the_generated_pages_are_what_the_code_says(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(root / "tools" / "reference.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    made = sorted(tmp_path.iterdir())
    assert {"cli.md", "components.md", "events.md"} <= {page.name for page in made}
    for page in made:
        committed = root / "docs" / "reference" / page.name
        assert page.read_text("utf-8") == committed.read_text("utf-8"), f"{committed} is out of date: make docs"


@pytest.mark.parametrize(
    ("processor", "file"),
    [("canonicalize", "canonical-names"), ("fingerprint", "fingerprint"), ("sanitize", "sanitize-rules")],
)
def test_the_page_of_a_processor_has_all_its_options(root: Path, processor: str, file: str) -> None:
    text = (root / "docs" / "reference" / f"{file}.md").read_text(encoding="utf-8")
    for option in describe(load("processors", processor).config_class):
        assert f"| `{option.name}` | " in text
