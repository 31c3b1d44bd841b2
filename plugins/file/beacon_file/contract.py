"""The contract of the file exporter, for `beacon plugins check beacon-file`; it needs pytest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beacon_core import Exporter, decode_line
from beacon_core.testing import ExporterContract
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter


class FileContract(ExporterContract):
    """Writes to files in a folder of its own; fails where the path leads to none."""

    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return FileExporter(FileConfig(path=str(tmp_path / "out.jsonl")))

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Callable[[], list[str]]:
        return lambda: [
            decode_line(line).id for path in tmp_path.rglob("*.jsonl") for line in path.read_bytes().splitlines()
        ]

    @pytest.fixture(params=["a directory", "no directory"])
    def failing_exporter(self, request: pytest.FixtureRequest, tmp_path: Path) -> Exporter:
        (tmp_path / "file").touch()
        path = tmp_path if request.param == "a directory" else tmp_path / "file" / "out.jsonl"
        return FileExporter(FileConfig(path=str(path)))
