"""Golden files of whole request bodies, as the exporter sends them: a change of the wire shows in review as a diff.

To make them anew: `UPDATE_GOLDEN=1 pytest plugins/splunk/tests/test_requests.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HecServer
from plugins.splunk.tests.samples import EVENTS

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
GOLDEN = Path(__file__).parent / "golden" / "requests"
LOGS, POINTS = ("log", "structured_log", "span"), ("gauge", "sum", "histogram", "exponential_histogram", "summary")
QUICK = {"acknowledgements": {"query_interval": "1ms"}}

#: Options and events, by the name of their golden files.
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no_options": ({}, LOGS),
    "options": ({"host": "h", "source": "s", "sourcetype": "t", "index": "i"}, LOGS),
    "templates": ({"source": "agent:{{ service.name }}", "index": "{{ missing }}"}, LOGS),
    "field_names": ({"otel_to_hec_fields": {"severity_text": "severity", "name": "event_name"}}, LOGS),
    "metadata_names": ({"otel_attrs_to_hec_metadata": {"host": "service.name"}}, LOGS),
    "metrics": ({"index": "events", "metrics": {"index": "metrics", "sourcetype": "metric"}}, (*LOGS, *POINTS)),
    "single_metrics": ({"use_multi_metric_format": False}, POINTS),
}


@pytest.mark.parametrize("case", CASES)
def test_the_bodies_of_all_requests_are_the_golden_ones(hec: HecServer, start: Start, case: str) -> None:
    options, names = CASES[case]
    hec.acks = True
    start(**options, **QUICK).export(Batch("b", tuple(EVENTS[name] for name in names)))
    found = {f"{case}.{n}.json": request.body for n, request in enumerate(hec.requests)}
    if os.environ.get("UPDATE_GOLDEN"):
        for name, body in found.items():
            (GOLDEN / name).write_bytes(body + b"\n")
    kept = {path.name: path.read_bytes().removesuffix(b"\n") for path in GOLDEN.glob(f"{case}.*.json")}
    assert found == kept


def test_every_golden_file_is_compared() -> None:
    assert {path.name.partition(".")[0] for path in GOLDEN.iterdir()} == CASES.keys()
