"""The options of a processor as a pipeline file has them, for commands that show what a processor does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from beacon_core.config import ComponentConfig

C = TypeVar("C", bound="ComponentConfig")
F = TypeVar("F", bound=Callable[..., object])


def options_from_pipeline(kind: str) -> Callable[[F], F]:
    """Return what adds `--pipeline` and `--set`, of which neither has to be given; `kind` is the processor's type."""

    def add(command: F) -> F:
        command = click.option(
            "--set",
            "sets",
            metavar="PATH=VALUE",
            multiple=True,
            help="Change one option of the pipeline, as in `beacon run`.",
        )(command)
        return click.option(
            "-p",
            "--pipeline",
            "files",
            metavar="FILE",
            multiple=True,
            type=click.Path(path_type=Path),
            help=f"Use the options that this pipeline has for `{kind}`. Repeatable, as in `beacon run`.",
        )(command)

    return add


def processor_options(files: tuple[Path, ...], sets: tuple[str, ...], kind: str, model: type[C]) -> C:
    """Return the options of a pipeline's first processor of a type; what else is wrong with it does not matter.

    Args:
        files: the pipeline's files; without any the options are the defaults.
        sets: what `--set` says.
        kind: the processor's type.
        model: its options.

    Raises:
        ConfigurationError: the pipeline cannot be read, has no such processor, or wrong options for it.
    """
    if sets and not files:
        raise click.UsageError("--set changes a pipeline; name it with --pipeline")
    if not files:
        return model()
    from beacon_core import config  # noqa: PLC0415 - heavy
    from beacon_core.errors import ConfigurationError  # noqa: PLC0415
    from beacon_core.processors.fingerprint import facts  # noqa: PLC0415 - heavy

    document = config.load(files, sets=sets, environ=os.environ, facts=lambda: facts(os.environ))
    names = [name for name in document.section("processors") if name.partition("/")[0] == kind]
    options = document.validate(("processors", names[0]), model, document.problems) if names else None
    if options is None:
        document.problems.raise_if_any()
        raise ConfigurationError(f"the pipeline has no processor of type {kind}")
    return options
