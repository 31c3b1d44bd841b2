"""The shipped tables: what is read at a start is what people edit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from beacon_core.processors.canonicalize import CanonicalizeConfig, load_files, load_tables
from beacon_core.processors.canonicalize.shipped import FOLDER, shipped, shipped_from_sources, shipped_to_json


def test_the_tables_that_are_read_are_the_ones_that_people_edit() -> None:
    edited = shipped_from_sources()
    assert shipped() == edited, "say: make docs"
    assert (FOLDER / "tables.json").read_bytes() == shipped_to_json(edited), "say: make docs"


def test_a_row_knows_its_place_in_the_file_that_people_edit() -> None:
    for name, pack in shipped().packs.items():
        lines = (FOLDER / "packs" / f"{name}.yaml").read_text("utf-8").splitlines()
        for entry in pack.entries:
            file, line, column = entry.position.split(":")
            assert file == f"packs/{name}.yaml"
            word = entry.subject if entry.section == "types" else entry.alias
            assert lines[int(line) - 1][int(column) - 1 :].startswith((word, f'"{word}"')), entry


def test_the_shipped_tables_are_in_order_whichever_are_used() -> None:
    names = list(shipped().packs)
    for packs in (None, [], names, *([name] for name in names), list(reversed(names))):
        load_tables(CanonicalizeConfig(packs=packs))
    assert [file for layer in load_files(CanonicalizeConfig()) for file in layer][: len(names)] == [
        *shipped().packs.values()
    ]


@pytest.mark.parametrize("forbidden", ["yaml", "tomllib", "beacon_core.processors.canonicalize.reading"])
def test_a_start_without_tables_of_the_user_reads_no_yaml(forbidden: str) -> None:
    program = (
        "import sys\n"
        "from beacon_core import Host\n"
        "from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor\n"
        "CanonicalizeProcessor(CanonicalizeConfig()).start(Host('canonicalize'))\n"
        f"print({forbidden!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
