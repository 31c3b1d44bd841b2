"""The reference page about what the shipped tables map to canonical names, and the tables' JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from beacon_core.processors.canonicalize import TableFile, load_schema
from beacon_core.processors.canonicalize.shipped import FOLDER, shipped, shipped_from_sources, shipped_to_json

Row = tuple[str, ...]
Table = Callable[[Row, list[Row]], str]
_HEADS = {"agents": "agent", "events": "action", "attributes": "attribute", "values": "value", "types": "type"}


def parts(table: Table, before: Sequence[str], options: str) -> Iterator[str]:
    """Yield the page's parts; `before` is the first, `table` makes a table, `options` is that of the options."""
    yield "# Canonical names"
    yield from (text.strip() for text in before)
    yield from ("## Options", options)
    for name, pack in shipped().packs.items():
        yield f"## `{name}`"
        everybody = "For all events; rules are for those of agents." if pack.rules else "For all events."
        yield f"For {words(pack.agents)}." if pack.agents else everybody
        yield from pack_tables(pack, table)


def pack_tables(pack: TableFile, table: Table) -> Iterator[str]:
    """Yield the tables about a shipped table file."""
    entries = [entry for entry in pack.entries if entry.alias != entry.canonical]
    for section, head in _HEADS.items():
        found: dict[tuple[str, str], list[str]] = {}
        for entry in entries:
            if entry.section == section:
                found.setdefault((entry.subject, entry.canonical), []).append(entry.alias)
        rows: list[Row] = [
            (f"`{subject}` {f'`{name}`' if name else 'no value'}" if subject else f"`{name}`", words(aliases))
            for (subject, name), aliases in found.items()
        ]
        if rows:
            yield table((head, "is called"), rows)
    rules: list[Row] = []
    for rule in pack.rules:
        about = f"{', '.join(rule.signals)}: {words(rule.events) or 'all'}"
        effects = ["left out" if rule.noise else "", f"**{rule.action}**" if rule.action else "", rule.severity]
        effects += [f"`{field.target}` = {code(field.written)}" for field in rule.fields]
        effects += [f"{words(rule.takes)} used up"] if rule.takes else []
        rules.append((about, code(dict(rule.written)) if rule.written else "", "; ".join(filter(None, effects))))
    if rules:
        yield table(("events", "if", "then"), rules)


def words(names: Sequence[str]) -> str:
    """Return names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def code(value: Any) -> str:
    """Return a piece of a table file as code on one line."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def write_json() -> None:
    """Write the tables in the form that Beacon reads; what it has read before is forgotten."""
    (FOLDER / "tables.json").write_bytes(shipped_to_json(shipped_from_sources()))
    for read in (shipped, load_schema):
        read.cache_clear()
