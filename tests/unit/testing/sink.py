"""An exporter that keeps its contract, and the contract for it; the mutants are made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from beacon_core import Batch, ComponentConfig, Event, Exporter, ExporterConfig, RetryableError, Secret
from beacon_core.testing import ExporterContract

TOKEN = "FAKE/" * 6


class SinkConfig(ExporterConfig):
    path: Path
    token: Secret = SecretStr(TOKEN)


class Sink(Exporter):
    """Appends ids to a file; without a folder for it, it fails."""

    config_class: ClassVar[type[ComponentConfig]] = SinkConfig
    config: SinkConfig

    def export(self, batch: Batch) -> None:
        try:
            self.write(batch.events)
        except OSError as error:
            raise self.failure(batch, error) from None

    def write(self, events: tuple[Event, ...]) -> None:
        with self.config.path.open("a") as file:
            file.writelines(f"{event.id}\n" for event in events)

    def failure(self, batch: Batch, error: OSError) -> Exception:
        return RetryableError(f"{len(batch)} events: {error.strerror}")


class SinkContract(ExporterContract):
    """The contract, for an exporter that breaks what it says.

    Attributes:
        breaks: the checks that have to fail.
        sink: the exporter.
        options: its options.
    """

    patience = 20.0
    breaks: ClassVar[tuple[str, ...]] = ()
    sink: ClassVar[type[Exporter]] = Sink
    options: ClassVar[type[SinkConfig]] = SinkConfig

    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return self.sink(self.options(path=tmp_path / "out"))

    @pytest.fixture
    def failing_exporter(self, tmp_path: Path) -> Exporter:
        return self.sink(self.options(path=tmp_path / "missing" / "out"))

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Callable[[], list[str]]:
        out = tmp_path / "out"
        return lambda: out.read_text().split() if out.exists() else []
