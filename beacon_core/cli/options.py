"""Options that several commands have."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from beacon_core.loader import Graph

F = TypeVar("F", bound=Callable[..., object])


def pipeline_options(command: F) -> F:
    """Add `--pipeline` and `--set`."""
    command = click.option(
        "--set",
        "sets",
        metavar="PATH=VALUE",
        multiple=True,
        help="Change one option: --set exporters.file.path=out.jsonl. Wins over everything else; repeatable.",
    )(command)
    return click.option(
        "-p",
        "--pipeline",
        "files",
        metavar="FILE",
        multiple=True,
        required=True,
        type=click.Path(path_type=Path),
        help="The pipeline's YAML file. Given several times, later files are laid over earlier ones.",
    )(command)


def load_graph(files: tuple[Path, ...], sets: tuple[str, ...]) -> Graph:
    """Return the pipeline that the options ask for, validated, nothing of it started.

    Raises:
        ConfigurationError: with every problem found.
    """
    from beacon_core import loader, plugins  # noqa: PLC0415 - the command line alone imports nothing heavy

    return loader.load(files, sets=sets, environ=os.environ, load_type=plugins.load)


def set_up_logging(level: str) -> None:
    """Log Beacon's own messages on stderr; other libraries only where something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("beacon").setLevel(level.upper())
