from __future__ import annotations

import re
from pathlib import Path

import pytest

from beacon_core.processors.fingerprint import table
from beacon_core.processors.fingerprint.names import ATTRIBUTES, GIVEN, HASHED, PERSONAL
from beacon_core.processors.fingerprint.reading import _slow
from beacon_core.processors.fingerprint.table import Source, provider_table, table_from_toml, table_to_json

FOLDER = Path(table.__file__).parent


def test_the_table_that_is_read_is_the_one_that_people_edit() -> None:
    edited = table_from_toml((FOLDER / "providers.toml").read_text("utf-8"))
    assert provider_table() == edited, "say: make docs"
    assert (FOLDER / "providers.json").read_bytes() == table_to_json(edited), "say: make docs"


def test_every_row_gives_known_attributes_from_patterns_that_are_fast() -> None:
    for row in provider_table().provider:
        assert set(row.fields) <= set(GIVEN), row.id
        sources = [Source(s) if isinstance(s, str) else s for listed in row.fields.values() for s in listed]
        conditions = [*row.when, *(condition for source in sources for condition in source.when)]
        patterns = [source.match for source in sources] + [c.partition("~")[2] for c in conditions]
        for pattern in filter(None, patterns):
            re.compile(pattern)
            assert list(_slow(pattern)) == []
        for source in sources:
            assert source.text or source.git
            assert not source.give or source.match


def test_a_row_is_like_one_below_it() -> None:
    rows = provider_table().provider
    for index, row in enumerate(rows):
        assert not row.like or row.like in {other.id for other in rows[index + 1 :]}
    assert provider_table().fields(rows[0]) == provider_table().fields(rows[1])


def test_the_hash_is_made_of_nothing_that_is_personal_or_about_a_run() -> None:
    for name in HASHED:
        assert not set(ATTRIBUTES[name].switches) & PERSONAL
        assert not name.startswith(("vcs.", "cicd."))


@pytest.mark.parametrize(
    "pattern", [r"(a+)+b", r"(a|b)*c", r"^(.*)\1$", r".*a.*b.*c", r"(?:x{2,}){3}", "a{1,9}b{1,9}c+"]
)
def test_a_pattern_that_can_take_long_is_found(pattern: str) -> None:
    assert list(_slow(pattern))


@pytest.mark.parametrize("pattern", [r"^refs/pull/(\d+)/", r"^([^/]+)/([^/*+]+)$", r"\)\*(x)", r"[)]*(a)"])
def test_an_ordinary_pattern_is_none(pattern: str) -> None:
    assert list(_slow(pattern)) == []
