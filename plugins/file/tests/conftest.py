"""Exporters that are started, and shut down at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Host
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter

Start = Callable[..., FileExporter]


@pytest.fixture
def start() -> Iterator[Start]:
    exporters = []

    def make(path: Path | str, *, host: Host | None = None, **options: Any) -> FileExporter:
        exporter = FileExporter(FileConfig(path=str(path), **options))
        exporters.append(exporter)
        exporter.start(host or Host("file"))
        return exporter

    yield make
    for exporter in exporters:
        exporter.shutdown(1)
