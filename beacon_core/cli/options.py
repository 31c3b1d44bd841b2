"""Options that several commands have."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from beacon_core.loader import Graph

F = TypeVar("F", bound=Callable[..., object])


def pipeline_options(command: F, *, required: bool = True) -> F:
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
        required=required,
        type=click.Path(path_type=Path),
        help="The pipeline's YAML file. Given several times, later files are laid over earlier ones.",
    )(command)


def load_graph(files: tuple[Path, ...], sets: tuple[str, ...]) -> Graph:
    """Return the pipeline that the options ask for, validated, nothing of it started.

    Raises:
        ConfigurationError: with every problem found.
    """
    from beacon_core import loader, plugins  # noqa: PLC0415 - the command line alone imports nothing heavy

    load_type = partial(plugins.load, offered=plugins.offers())
    return loader.load(files, sets=sets, environ=os.environ, load_type=load_type)


def set_up_logging(level: str) -> None:
    """Log Beacon's own messages on stderr; other libraries only where something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("beacon").setLevel(level.upper())
    threading.excepthook = _log_thread_error


def _log_thread_error(failed: threading.ExceptHookArgs) -> None:
    """Log where a thread failed, without the error's text: it may hold a piece of an event."""
    name = failed.thread.name if failed.thread is not None else "a thread"
    frames = "".join(traceback.format_tb(failed.exc_traceback)).rstrip()
    logging.getLogger("beacon").error("%s failed with %s:\n%s", name, failed.exc_type.__name__, frames)
