"""The options of the canonicalize processor."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from beacon_core.config import ComponentConfig, Secret


class CanonicalizeConfig(ComponentConfig):
    """Which tables of aliases apply. The maps have the shape of a table file's sections; they are merged over files."""

    packs: list[str] | None = None
    """Shipped tables to use, such as `claude_code`; all of them when absent."""

    tables: list[Path] = Field(default_factory=list)
    """Table files of your own (YAML), merged over the packs."""

    agents: dict[str, list[str]] = Field(default_factory=dict)
    """Agent name -> patterns of the service and scope names that mean it, tried before those of the packs."""

    events: dict[str, list[str]] = Field(default_factory=dict)
    """Canonical name of an event -> its aliases."""

    attributes: dict[str, list[str]] = Field(default_factory=dict)
    """Canonical name of an attribute -> its aliases, the preferred first."""

    values: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    """Canonical name of an attribute -> canonical value -> its aliases."""

    types: dict[str, Literal["int", "float", "bool", "string"]] = Field(default_factory=dict)
    """Canonical name of an attribute -> its type."""

    keep_original: bool = False
    """Keep what was replaced: `beacon.original.name`, `beacon.original.attributes.*`, `beacon.original.values.*`."""

    keep_raw: bool = True
    """Keep the attributes of agents' events that no rule takes, under their own names in the map `beacon.raw`."""

    keep_noise: bool = False
    """Keep the events of agents that say nothing of use, such as start-up details; else they count as filtered."""

    stdout: Literal["auto", "always", "never"] = "auto"
    """Which events of an agent's stdout to keep: with `auto`, as soon as log events of the same session come over OTLP,
    only those that OTLP does not have; with `never` only these; with `always` all. In any case a call that two sources
    tell is kept once."""

    hash_key: Secret | None = None
    """Key of this installation for hashes of content such as `beacon.file.diff_hash`; without it there are none."""
