"""The table of CI providers and agents: its shape, and the one that is shipped."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where an attribute's value comes from; the members are explained in `providers.toml`."""

    text: str = ""
    match: str = ""
    give: str = ""
    when: tuple[str, ...] = ()
    type: str = ""
    file: str = ""
    format: Literal["json", "properties"] = "json"
    git: Literal["", "branch"] = ""
    host: bool = False


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One CI provider; the members are explained in `providers.toml`."""

    id: str
    when: tuple[str, ...]
    like: str = ""
    fields: dict[str, tuple[str | Source, ...]] = {}


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole of `providers.toml`."""

    agents: dict[str, tuple[str, ...]]
    hosts: dict[str, str]
    provider: tuple[Provider, ...]

    def with_rows(self, rows: tuple[Provider, ...]) -> Table:
        """Return the table with rows before its own."""
        return msgspec.structs.replace(self, provider=rows + self.provider) if rows else self

    def fields(self, provider: Provider) -> Mapping[str, tuple[str | Source, ...]]:
        """Return a provider's fields, with those of the provider that it is like, which stands below it."""
        if not provider.like:
            return provider.fields
        below = self.provider[self.provider.index(provider) + 1 :]
        parent = next((other for other in below if other.id == provider.like), None)
        return {**(self.fields(parent) if parent else {}), **provider.fields}


@functools.cache
def provider_table() -> Table:
    """Return the table that is shipped. Read when it is first asked for."""
    return msgspec.json.decode(Path(__file__).with_name("providers.json").read_bytes(), type=Table)


def table_from_toml(text: str) -> Table:
    """Return the table of a `providers.toml`, which people edit; tools and tests read it."""
    import tomllib  # noqa: PLC0415 - ten times slower than JSON, and nobody waits for tools

    return msgspec.convert(tomllib.loads(text), Table)


def table_to_json(table: Table) -> bytes:
    """Return the content of `providers.json`, in which a change of one row is a change of one line."""
    rows = [msgspec.json.encode(row) for row in table.provider]
    head = msgspec.json.encode(msgspec.structs.replace(table, provider=()))
    return head.removesuffix(b"[]}") + b"[\n" + b",\n".join(rows) + b"\n]}\n"
