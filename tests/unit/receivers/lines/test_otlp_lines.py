"""Lines that are OTLP requests, as the Collector's file exporter writes them; recorded sessions of real agents."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Counters, Event, Host
from beacon_core.receivers.lines import FileInputReceiver
from beacon_core.testing import ListConsumer

otlp = pytest.importorskip("beacon_core.otlp")
if not hasattr(otlp, "decode_request"):
    pytest.skip("OTLP is not decoded yet", allow_module_level=True)

FIXTURES = Path(__file__).parents[5] / "shared" / "fixtures" / "agents"
RECEIVED = 1_795_145_112_904_000_000
Make = Callable[..., FileInputReceiver]


def log_request(*bodies: str) -> bytes:
    records = [{"timeUnixNano": "1795145060170000000", "body": {"stringValue": body}} for body in bodies]
    request = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": records}]}]}
    return json.dumps(request, separators=(",", ":")).encode()


def recorded() -> list[tuple[dict[str, Any], bytes]]:
    requests = []
    for manifest in sorted(FIXTURES.glob("*/*/manifest.json")):
        entries = json.loads(manifest.read_text())
        requests += [(e, (manifest.parent / e["file"]).read_bytes()) for e in entries if e["file"].endswith(".json")]
    return requests


def nameless(events: list[Event]) -> list[dict[str, Any]]:
    return [{name: getattr(event, name) for name in event.__struct_fields__ if name != "id"} for event in events]


def read(receiver: FileInputReceiver) -> ListConsumer:
    consumer = ListConsumer()
    receiver.run(consumer)
    return consumer


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded sessions are not beside this checkout")
@pytest.mark.parametrize("line_format", ["auto", "otlp_json"])
def test_every_recorded_request_gives_its_records_in_order(tmp_path: Path, file_input: Make, line_format: str) -> None:
    requests = recorded()
    lines = [json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode() for _, body in requests]
    (tmp_path / "requests.jsonl").write_bytes(b"\n".join(lines))
    counters = Counters()
    host = Host("file_input", counters, clock=lambda: RECEIVED)
    consumer = read(file_input(tmp_path / "requests.jsonl", host=host, format=line_format))
    assert len(consumer.events) == sum(entry["records"] for entry, _ in requests) > 0
    assert counters.reasons("refused", "file_input") == {}
    expected = [
        event
        for entry, body in requests
        for event in otlp.decode_request(entry["path"], body, encoding="json", received_unix_nano=RECEIVED).batch
    ]
    assert nameless(consumer.events) == nameless(expected)
    assert len({event.id for event in consumer.events}) == len(expected)


def test_p5_the_same_request_on_two_lines_is_stored_twice_under_ids_of_their_own(
    tmp_path: Path, file_input: Make
) -> None:
    (tmp_path / "a").write_bytes((log_request("x", "y") + b"\n") * 2)
    consumer = read(file_input(tmp_path / "a"))
    (batch,) = consumer.batches
    assert [event.body for event in batch] == ["x", "y", "x", "y"]
    assert [event.id for event in batch] == [f"{batch.id}-{number}" for number in range(4)]


def test_kinds_of_lines_may_be_mixed(tmp_path: Path, file_input: Make) -> None:
    own = b'{"id":"a-1","signal":"log","name":"n","time_unix_nano":1795145060170000000,"body":"own"}'
    (tmp_path / "a").write_bytes(b"\n".join([log_request("otlp"), own, b'{"msg":"other"}', log_request("otlp 2")]))
    assert [event.body for event in read(file_input(tmp_path / "a")).events] == ["otlp", "own", "other", "otlp 2"]


def test_an_object_with_several_signals_gives_the_records_of_all(tmp_path: Path, file_input: Make) -> None:
    both = json.loads(log_request("x")) | {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"name": "s", "traceId": "ab" * 16, "spanId": "cd" * 8}]}]}]
    }
    (tmp_path / "a").write_text(json.dumps(both))
    assert [event.signal for event in read(file_input(tmp_path / "a")).events] == ["log", "span"]


def test_lone_surrogates_in_a_request_become_replacement_characters(tmp_path: Path, file_input: Make) -> None:
    (tmp_path / "a").write_bytes(log_request("a\ud83db"))
    assert [event.body for event in read(file_input(tmp_path / "a")).events] == ["a\ufffdb"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"resourceLogs":5}',
        b'{"resourceSpans":[{"scopeSpans":"x"}]}',
        b'{"resourceLogs":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"resourceLogs":[{"resource":{"attributes":[{"key":"\xff"}]}}]}',
        b'{"resourceLogs":[',
    ],
    ids=["number", "text", "deep", "not utf-8", "cut off"],
)
def test_p10_a_request_that_cannot_be_read_is_a_counted_line(line: bytes, tmp_path: Path, file_input: Make) -> None:
    (tmp_path / "a").write_bytes(line + b"\n" + log_request("next"))
    counters = Counters()
    consumer = read(file_input(tmp_path / "a", host=Host("file_input", counters)))
    assert [event.body for event in consumer.events] == ["next"]
    assert counters.reasons("refused", "file_input") == {"malformed_line": 1}


def test_the_receivers_do_not_load_otlp_before_a_line_needs_it() -> None:
    program = "import sys, beacon_core.receivers.lines; sys.exit('beacon_core.otlp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
