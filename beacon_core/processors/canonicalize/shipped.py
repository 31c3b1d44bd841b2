"""The tables that are shipped, in the form in which they are read at every start.

People edit `packs/*.yaml` and `normalized.toml`; `make docs` writes `tables.json` from them, which is read in a
fraction of the time. It holds the place of every row, so that messages name the lines of the files that people edit.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from beacon_core.processors.canonicalize.table_file import TableFile

FOLDER = Path(__file__).parent


class Shipped(NamedTuple):
    """All of it.

    Attributes:
        normalized: `normalized.toml`.
        packs: the file's name without ending -> what it says, by name.
    """

    normalized: dict[str, Any]
    packs: dict[str, TableFile]


@cache
def shipped() -> Shipped:
    """Return what is shipped; read once."""
    return msgspec.json.decode((FOLDER / "tables.json").read_bytes(), type=Shipped)


def shipped_from_sources() -> Shipped:
    """Return what the files say that people edit; for tools and tests."""
    import tomllib  # noqa: PLC0415 - nobody waits for tools

    from beacon_core.processors.canonicalize.reading import read_table  # noqa: PLC0415

    normalized = tomllib.loads((FOLDER / "normalized.toml").read_text("utf-8"))
    paths = sorted((FOLDER / "packs").glob("*.yaml"))
    return Shipped(normalized, {path.stem: read_table(path.read_text("utf-8"), f"packs/{path.name}") for path in paths})


def shipped_to_json(everything: Shipped) -> bytes:
    """Return the content of `tables.json`, with a line for each pack."""
    packs = [msgspec.json.encode({name: pack})[1:-1] for name, pack in everything.packs.items()]
    return b"[" + msgspec.json.encode(everything.normalized) + b",\n{" + b",\n".join(packs) + b"}]\n"
