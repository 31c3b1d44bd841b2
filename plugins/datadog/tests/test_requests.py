"""Golden files of whole request bodies, as the exporter sends them: a change of the wire shows in review as a diff.

To make them anew: `UPDATE_GOLDEN=1 pytest plugins/datadog/tests/test_requests.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer, inflated
from plugins.datadog.tests.samples import LOGS, METRICS

Start = Callable[..., DatadogExporter]
KEY = "FAKE" * 8
GOLDEN = Path(__file__).parent / "golden" / "requests"
ORIGIN = {"ddsource": "ci", "service": "svc", "hostname": "box", "tags": ["team:ci", "plain"]}
EVENTS = {name: event for name, event in (LOGS | METRICS).items() if name != "metric_as_log"}

#: Key, options and events, by the name of their golden files.
CASES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "no_options": (KEY, {}, [*EVENTS]),
    "options": (KEY, ORIGIN, [*EVENTS]),
    "nobuckets": (KEY, {"histograms": {"mode": "nobuckets"}}, [*METRICS]),
    "client_token": ("pub" + KEY, ORIGIN, [*EVENTS]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_bodies_of_all_requests_are_the_golden_ones(intake: DatadogServer, start: Start, case: str) -> None:
    intake.key, options, names = CASES[case]
    metrics = {"endpoint": intake.url, **({"histograms": h} if (h := options.get("histograms")) else {})}
    own = {name: value for name, value in options.items() if name != "histograms"}
    start(metrics=metrics, **own).export(Batch("b", tuple(EVENTS[name] for name in names)))
    found = {f"{case}.{number}.json": inflated(request) for number, request in enumerate(intake.requests)}
    if os.environ.get("UPDATE_GOLDEN"):
        for name, body in found.items():
            (GOLDEN / name).write_bytes(body + b"\n")
    kept = {path.name: path.read_bytes().removesuffix(b"\n") for path in GOLDEN.glob(f"{case}.*.json")}
    assert found == kept


def test_every_golden_file_is_compared() -> None:
    assert {path.name.partition(".")[0] for path in GOLDEN.iterdir()} == CASES.keys()
