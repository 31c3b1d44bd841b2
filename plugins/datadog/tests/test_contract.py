"""The contract of exporters at the strict intakes, with an API key and with a client token."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import pytest

from beacon_core import Exporter
from beacon_datadog.contract import DatadogContract
from plugins.datadog.tests.datadog_server import DatadogServer

KEY = "FAKE" * 8


class TestDatadog(DatadogContract):
    @pytest.fixture
    def exporter(self, intake: DatadogServer, key: str) -> Exporter:
        intake.key = key
        return self.make(intake.url, key)

    @pytest.fixture
    def delivered(self, intake: DatadogServer) -> Callable[[], list[str]]:
        """What is stored; a histogram or a summary is several series in a row."""

        def ids() -> list[str]:
            names = [series["metric"].partition(".")[0] for series in intake.series + intake.points]
            return [*intake.ids, *(name for name, _ in groupby(names))]

        return ids
