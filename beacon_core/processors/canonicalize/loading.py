"""Finds the tables that the options ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from beacon_core.errors import ConfigurationError
from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.settings import Settings
from beacon_core.processors.canonicalize.shipped import shipped
from beacon_core.processors.canonicalize.table_file import Entry, TableFile
from beacon_core.processors.canonicalize.tables import Tables
from beacon_core.processors.canonicalize.usage import CountedKinds


def load_tables(
    config: CanonicalizeConfig,
    correct: Callable[[int], None] | None = None,
    unknown: Callable[[str], None] | None = None,
) -> Tables:
    """Return the tables of the packs, with the user's files and options over them. Reads files, changes nothing.

    Args:
        config: the options.
        correct: called with how many negative numbers of tokens were set to 0.
        unknown: called with the name of a log event that no line of its agent's tables has, once for each name.

    Raises:
        ConfigurationError: as `load_files`, or tables that are ambiguous; with `file:line:column`.
    """
    settings = Settings(
        keep_original=config.keep_original,
        keep_raw=config.keep_raw,
        keep_noise=config.keep_noise,
        key=config.hash_key.get_secret_value().encode() if config.hash_key else b"",
        kinds=CountedKinds(),
        correct=correct,
        unknown=unknown,
    )
    return Tables(load_files(config), settings)


def load_files(config: CanonicalizeConfig) -> list[list[TableFile]]:
    """Return the layers of table files: the packs, then the user's files and options.

    Raises:
        ConfigurationError: a line for each problem: a pack that is not shipped, a file that cannot be read, or that has
            no such shape; with `file:line:column`.
    """
    problems: list[str] = []
    packs = [*_packs(config, problems)]
    own = [*_own(config.tables, problems)]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return [packs, [*own, _of_options(config)]]


def _packs(config: CanonicalizeConfig, problems: list[str]) -> Iterator[TableFile]:
    known = shipped().packs
    for name in known if config.packs is None else config.packs:
        if name in known:
            yield known[name]
        else:
            problems.append(f"packs/{name}.yaml cannot be read (not shipped); shipped packs are {', '.join(known)}")


def _own(paths: list[Path], problems: list[str]) -> Iterator[TableFile]:
    if not paths:
        return
    from beacon_core.processors.canonicalize.reading import read_table  # noqa: PLC0415 - the packs do not need it

    for path in paths:
        try:
            yield read_table(path.read_text("utf-8-sig"), str(path))
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a null character
            why = getattr(error, "strerror", None) or error
            problems.append(f"{path} cannot be read ({why}); check the option tables")
        except ConfigurationError as error:
            problems.append(str(error))


def _of_options(config: CanonicalizeConfig) -> TableFile:
    """Return the tables that the options themselves have."""
    entries = [
        *_of_option("agents", config.agents),
        *_of_option("events", config.events),
        *_of_option("attributes", config.attributes),
        *(entry for subject, names in config.values.items() for entry in _of_option("values", names, subject)),
        *(Entry("types", name, kind, "", f"option types.{name}") for name, kind in config.types.items()),
    ]
    return TableFile(entries=tuple(entries))


def _of_option(section: str, names: Mapping[str, list[str]], subject: str = "") -> Iterator[Entry]:
    for canonical, aliases in names.items():
        position = "option " + ".".join(part for part in (section, subject, canonical) if part)
        for alias in (canonical, *aliases):
            yield Entry(section, subject, canonical, alias, position)
