"""docs/reference/report.md has every member of the report's JSON, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from beacon_core.report import SCHEMA_VERSION, as_json, report_on
from beacon_core.report.run import RUN_MEMBERS
from tests.unit.report.support import Lines, long_session

_ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def documented(page: str) -> dict[str, set[str]]:
    """Return the members that the page has, by section."""
    sections = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    found = {title: set(_ROW.findall(text)) for title, text in zip(sections[::2], sections[1::2], strict=True)}
    return {title: members for title, members in found.items() if members}


def members(values: Any) -> set[str]:
    """Return the members of a map, or of all the maps in a list."""
    maps = values if isinstance(values, list) else [values]
    assert maps
    return {name for each in maps for name in each}


def actual() -> dict[str, set[str]]:
    """Return the members that a document with something of everything has, by section."""
    line = Lines("s2")
    lines = [*long_session(), line("session.error", error__type="401"), line.usage(**{"beacon.usage.counted": False})]
    document = as_json(report_on(lines))
    sessions = document["sessions"]
    moments = [moment for each in sessions for moment in each["timeline"]["moments"]]
    usage, totals = members(document["models"]), members(document["totals"])
    sources = members([source for each in sessions for source in each["usage_sources"]])
    assert members(document["runs"]) == totals - {"redactions"}
    assert members(sessions[0]["usage_over_time"]["steps"]) - {"start_unix_nano"} == usage - {"model"}
    return {
        "Document": members(document),
        "Input": members(document["input"]),
        "Totals": totals,
        "Run": set(RUN_MEMBERS),
        "Usage": usage,
        "Tokens": members(document["totals"]["usage"]["tokens"]),
        "Session": members(sessions),
        "Source": sources - usage,
        "Tool": members(document["tools"]),
        "Command": members(sessions[0]["commands"]),
        "Denial": members(sessions[0]["denied"]),
        "Error": members(sessions[1]["errors"]),
        "Moment": members(moments),
        "Warning": members(document["warnings"]),
    }


def test_every_member_of_the_report_is_documented_and_no_other(root: Path) -> None:
    page = (root / "docs" / "reference" / "report.md").read_text(encoding="utf-8")
    assert documented(page) == actual()
    assert f"| `schema_version` | text | `{SCHEMA_VERSION}`. |" in page
