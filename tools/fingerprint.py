"""The reference page about the fingerprint's attributes and CI providers, and the table's JSON; see reference.py."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from beacon_core.processors.fingerprint import table as shape
from beacon_core.processors.fingerprint.detection import origin_of
from beacon_core.processors.fingerprint.names import ATTRIBUTES, HASHED, PERSONAL, SCHEMA_URL

FOLDER = Path(shape.__file__).parent
Row = tuple[str, ...]
PROSE: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def parts(table: Callable[[Row, list[Row]], str], options: str) -> Iterator[str]:
    """Yield the page's parts; `table` makes a Markdown table, `options` is the one of the options."""
    rows = shape.provider_table()
    detailed = [row for row in rows.provider if rows.fields(row)]
    yield from ("# Fingerprint", PROSE["before"].replace("{schema}", SCHEMA_URL))
    yield from ("## Options", options, "## Attributes", PROSE["switches"])
    yield table(("attribute", "options", "in the hash", "meaning"), attribute_rows())
    yield from ("## The hash", PROSE["hash"].replace("{hashed}", quoted(HASHED)), "## Agents", PROSE["agents"])
    yield table(("name", "variables"), [(f"`{a}`", quoted(v)) for a, v in rows.agents.items()])
    yield from ("## CI providers", PROSE["providers"], PROSE["rules"])
    for row in detailed:
        yield f"### `{row.id}`"
        yield f"Recognized by {quoted(row.when)}." + like_words(row)
        if row.fields:
            yield table(("attribute", "from"), [(f"`{name}`", sources(each)) for name, each in row.fields.items()])
    named = [(f"`{row.id}`", quoted(row.when)) for row in rows.provider if row not in detailed]
    yield from ("### Recognized by name only", table(("provider", "recognized by"), named))


def like_words(row: shape.Provider) -> str:
    """Return whose fields a provider shares."""
    return f" As `{row.like}`{', but for:' if row.fields else '.'}" if row.like else ""


def attribute_rows() -> list[Row]:
    """Return a row for each attribute."""
    return [
        (
            f"`{name}`",
            " ".join(f"`{each}`" + (" (off)" if each in PERSONAL else "") for each in attribute.switches),
            "yes" if name in HASHED else "",
            attribute.meaning[0].upper() + attribute.meaning[1:].removesuffix(" ...") + ".",
        )
        for name, attribute in ATTRIBUTES.items()
    ]


def quoted(words: tuple[str, ...]) -> str:
    """Return words as code."""
    return ", ".join(f"`{word}`" for word in words)


def sources(listed: tuple[str | shape.Source, ...]) -> str:
    """Return an attribute's sources in words."""
    return "; else ".join(source(shape.Source(each) if isinstance(each, str) else each) for each in listed) or "none"


def source(each: shape.Source) -> str:
    """Return one source in words."""
    said = origin_of(each) if each.git or each.file else f"`{each.give or each.text}`"
    kind = f" ({each.type})" if each.type and not each.type.startswith("$") else ""
    kind += f" (by `{each.type}`)" if each.type.startswith("$") else ""
    found = f", what `{each.match}` finds" if each.match and not each.give else ""
    found = f" if {origin_of(each)} is `{each.match}`" if each.give else found
    said = f"`{each.give}`" if each.give else said
    when = f", when {quoted(each.when)}" if each.when else ""
    return said + kind + found + when


def write_json() -> None:
    """Write the table in the form that Beacon reads."""
    made = shape.table_from_toml((FOLDER / "providers.toml").read_text(encoding="utf-8"))
    (FOLDER / "providers.json").write_bytes(shape.table_to_json(made))
