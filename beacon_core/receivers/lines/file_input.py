"""The receiver `file_input`: JSON lines from files, each read once from its beginning to its end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from glob import iglob
from pathlib import Path
from typing import ClassVar, cast

from beacon_core.component import Host
from beacon_core.config import ComponentConfig
from beacon_core.errors import ConfigurationError
from beacon_core.receivers.lines.config import FileInputConfig
from beacon_core.receivers.lines.receiver import LinesReceiver
from beacon_core.receivers.lines.refusals import printable
from beacon_core.receivers.lines.sources import Source, open_file


class FileInputReceiver(LinesReceiver):
    """Reads the files that match `include`, in the order of the patterns, the files of a pattern by name."""

    config_class: ClassVar[type[ComponentConfig]] = FileInputConfig

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._paths: list[str] = []

    def start(self, host: Host) -> None:
        """Find the files; what appears later is not read."""
        super().start(host)
        options = cast("FileInputConfig", self.config)
        self._paths = list(_select(options.include, options.exclude))
        if not self._paths:
            raise ConfigurationError(f"exclude leaves no file of include: {_listed(options.include)}")

    def inputs(self) -> Iterable[tuple[str, AbstractContextManager[Source]]]:
        return ((path, open_file(path)) for path in self._paths)


def _select(include: list[str], exclude: list[str]) -> Iterator[str]:
    seen = {os.path.realpath(path) for pattern in exclude for path in _matches(pattern)}
    found = [(pattern, sorted(_matches(pattern))) for pattern in include]
    unmatched = [pattern for pattern, paths in found if not paths]
    if unmatched:
        raise ConfigurationError(f"no file matches include: {_listed(unmatched)}; correct the path or leave it out")
    for _, paths in found:
        for path in paths:
            if (real := os.path.realpath(path)) not in seen:
                seen.add(real)
                yield path


def _matches(pattern: str) -> Iterator[str]:
    """Return the files, not directories, that a pattern matches; a name that exists is taken as it is."""
    paths = [pattern] if os.path.lexists(pattern) else iglob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    return (path for path in paths if not Path(path).is_dir())


def _listed(patterns: list[str]) -> str:
    return ", ".join(f'"{printable(pattern)}"' for pattern in patterns)
