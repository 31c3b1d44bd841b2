"""Finds the table files that the options ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from beacon_core.errors import ConfigurationError
from beacon_core.processors.canonicalize.config import CanonicalizeConfig
from beacon_core.processors.canonicalize.plan import Options
from beacon_core.processors.canonicalize.reading import TableFile, read_options, read_table
from beacon_core.processors.canonicalize.tables import Tables

_PACKS = Path(__file__).with_name("packs")


def load_tables(config: CanonicalizeConfig, correct: Callable[[int], None] | None = None) -> Tables:
    """Return the tables of the packs, with the user's files and options over them. Reads files, changes nothing.

    Args:
        config: the options.
        correct: called with how many negative numbers of tokens were set to 0.

    Raises:
        ConfigurationError: as `load_files`, or tables that are ambiguous; with `file:line:column`.
    """
    options = Options(
        keep_original=config.keep_original,
        keep_raw=config.keep_raw,
        keep_noise=config.keep_noise,
        key=config.hash_key.get_secret_value().encode() if config.hash_key else b"",
        correct=correct,
    )
    return Tables(load_files(config), options)


def load_files(config: CanonicalizeConfig) -> list[list[TableFile]]:
    """Return the layers of table files: the packs, then the user's files and options.

    Raises:
        ConfigurationError: a line for each problem: a file that cannot be read, or that has no such shape; with
            `file:line:column`.
    """
    problems: list[str] = []

    def attempt(path: Path, name: str, hint: str) -> list[TableFile]:
        try:
            return [read_table(path.read_text("utf-8-sig"), name)]
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a null character
            problems.append(f"{name} cannot be read ({getattr(error, 'strerror', None) or error}); {hint}")
        except ConfigurationError as error:
            problems.append(str(error))
        return []

    packs = _packs(config, attempt)
    own = [file for path in config.tables for file in attempt(path, str(path), "check the option tables")]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return [packs, [*own, read_options(config)]]


def _packs(config: CanonicalizeConfig, attempt: Callable[[Path, str, str], list[TableFile]]) -> list[TableFile]:
    shipped = sorted(path.stem for path in _PACKS.glob("*.yaml"))
    hint = f"shipped packs are {', '.join(shipped)}"
    wanted = shipped if config.packs is None else config.packs
    # a name, never a path: what is not shipped is looked for where it cannot be
    paths = [_PACKS / f"{name}.yaml" if name in shipped else _PACKS / "no such pack" for name in wanted]
    return [
        file for name, path in zip(wanted, paths, strict=True) for file in attempt(path, f"packs/{name}.yaml", hint)
    ]
