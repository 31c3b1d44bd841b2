"""The contract of exporters, for each format and for a path with places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Exporter, decode_line
from beacon_core.testing import ExporterContract
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter


class TestJsonLines(ExporterContract):
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


class TestRotatedAtEveryBatch(TestJsonLines):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        options: dict[str, Any] = {"max_megabytes": 0.0001, "max_backups": 0}
        return FileExporter(FileConfig.model_validate({"path": str(tmp_path / "out.jsonl"), "rotation": options}))


class TestSeveralFiles(TestJsonLines):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        path = tmp_path / "{sample.value}" / "{signal}.jsonl"
        return FileExporter(FileConfig.model_validate({"path": str(path), "group_by": {"max_open_files": 2}}))


class TestOtlpJson(ExporterContract):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return FileExporter(FileConfig(path=str(tmp_path / "out.jsonl"), format="otlp_json"))
