"""Splunk's own client for Node sends the same events: the strict server takes them, and what is stored is ours.

The requests in `splunk_logging/requests.json` were recorded once, by `splunk_logging/record.js`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from beacon_core import Batch, Event
from beacon_core.testing import make_event
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HecServer

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
RECORDING = json.loads((Path(__file__).parent / "splunk_logging" / "requests.json").read_text(encoding="utf-8"))


def event_of(given: dict[str, Any], number: int) -> Event:
    """Return what the client was given as an event of Beacon's."""
    metadata = given["metadata"]
    names = {"host": "host.name", "source": "com.splunk.source", "sourcetype": "com.splunk.sourcetype"}
    names["index"] = "com.splunk.index"
    return make_event(
        number,
        time_unix_nano=metadata["time"] * 1_000_000,
        body=given["message"],
        severity_text=given["severity"],
        attributes={},
        resource={name: metadata[member] for member, name in names.items() if member in metadata},
    )


def what_matters(stored: dict[str, Any]) -> dict[str, Any]:
    """Return an object's time as a number, its metadata, its message and its severity."""
    event, fields = stored["event"], stored.get("fields", {})
    theirs = "beacon_id" not in fields
    return {
        **{name: stored.get(name) for name in ("host", "source", "sourcetype", "index")},
        "time": Decimal(stored["time"]),
        "message": event["message"] if theirs else event,
        "severity": event["severity"] if theirs else fields["otel.log.severity.text"],
    }


def replay(server: HecServer, number: int) -> dict[str, Any]:
    request = RECORDING["requests"][number]
    answer = httpx.request(
        request["method"],
        server.url + request["path"],
        headers={name: value for name, value in request["headers"].items() if name != "content-length"},
        content=request["body"].encode(),
    )
    said: dict[str, Any] = answer.json()
    return said


@pytest.mark.parametrize(("number", "events"), [(0, RECORDING["events"][:1]), (1, RECORDING["events"])])
def test_what_splunks_own_client_sends_is_taken_and_equals_ours_in_what_matters(
    hec: HecServer, start: Start, number: int, events: list[dict[str, Any]]
) -> None:
    hec.indexes = {"main"}
    start().export(Batch("b", tuple(event_of(given, n) for n, given in enumerate(events))))
    with HecServer(TOKEN, strict=False, indexes={"main"}) as theirs:  # it sends a form type and no channel
        assert replay(theirs, number) == {"text": "Success", "code": 0}
        assert [what_matters(each) for each in theirs.stored] == [what_matters(each) for each in hec.stored]
    assert len(hec.stored) == len(events)
