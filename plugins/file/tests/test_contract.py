"""The contract of exporters, for each format and for a path with places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beacon_core import Exporter
from beacon_file.config import FileConfig
from beacon_file.contract import FileContract
from beacon_file.exporter import FileExporter


def exporter_for(path: Path, **options: Any) -> Exporter:
    return FileExporter(FileConfig.model_validate({"path": str(path), **options}))


class TestJsonLines(FileContract):
    pass


class TestRotatedAtEveryBatch(FileContract):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return exporter_for(tmp_path / "out.jsonl", rotation={"max_megabytes": 0.0001, "max_backups": 0})


class TestSeveralFiles(FileContract):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return exporter_for(tmp_path / "{sample.value}" / "{signal}.jsonl", group_by={"max_open_files": 2})


class TestOtlpJson(FileContract):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return exporter_for(tmp_path / "out.jsonl", format="otlp_json")

    @pytest.fixture
    def delivered(self) -> None:
        """Its lines have no ids."""
