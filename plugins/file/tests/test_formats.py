"""The two formats: what a line is, how long it gets, and which events are left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError

from beacon_core import (
    BatchTooLargeError,
    PartialExportError,
    PermanentError,
    decode_line,
    encode_otlp_json,
)
from beacon_core.testing import SAMPLE_VALUES, make_batch, make_event, make_samples
from beacon_file.config import FileConfig
from beacon_file.encoding import SHARED_LINE, Format, encode
from beacon_file.exporter import FileExporter

Start = Callable[..., FileExporter]
MESSAGES = {
    "resourceLogs": ExportLogsServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
    "resourceSpans": ExportTraceServiceRequest,
}
FORMATS: list[Format] = ["jsonl", "otlp_json"]
BODIES = {"jsonl": '"body":"event 1"', "otlp_json": '"stringValue":"event 1"'}


def test_p2_every_line_of_otlp_json_is_a_request_of_one_signal(tmp_path: Path, start: Start) -> None:
    exporter = start(tmp_path / "out.jsonl", format="otlp_json")
    for value in SAMPLE_VALUES.values():
        exporter.export(make_samples(value=value))
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert len(lines) == 3 * len(SAMPLE_VALUES)
    for line in lines:
        (root,) = json.loads(line)
        json_format.Parse(line, MESSAGES[root]())


def test_a_line_of_otlp_json_is_what_the_core_writes(tmp_path: Path, start: Start) -> None:
    start(tmp_path / "out.jsonl", format="otlp_json").export(make_samples())
    assert (tmp_path / "out.jsonl").read_bytes().splitlines() == encode_otlp_json(make_samples())


def test_a_line_of_several_events_is_no_longer_than_a_collector_takes() -> None:
    lines = encode(make_batch(100, body="x" * 50_000).events, "otlp_json", 16 * SHARED_LINE)
    assert max(map(len, lines.data.splitlines())) <= SHARED_LINE
    assert lines.data.count(b"x" * 50_000) == 100
    assert not lines.failed


def test_an_event_that_is_longer_alone_is_written_as_long_as_it_is_allowed() -> None:
    lines = encode(make_batch(2, body="x" * 2 * SHARED_LINE).events, "otlp_json", 3 * SHARED_LINE)
    assert lines.data.count(b"\n") == 2


@pytest.mark.parametrize("line_format", FORMATS)
def test_p6_an_event_that_is_too_long_or_cannot_be_written_fails_alone(
    tmp_path: Path, start: Start, line_format: Format
) -> None:
    exporter = start(tmp_path / "out.jsonl", format=line_format, max_line_bytes=10_000)
    events = list(make_batch(9))
    events[3] = make_event(3, body="x" * 20_000)
    events[5] = make_event(5, attributes={"bad": {None: 1}})
    with pytest.raises(PartialExportError) as failure:
        exporter.export(make_batch(9).with_events(events))
    failed = failure.value.failed
    assert {key: type(error) for key, error in failed.items()} == {
        "test-3": BatchTooLargeError,
        "test-5": PermanentError,
    }
    assert str(failed["test-5"]) == f"cannot be written as {line_format}: TypeError"
    text = (tmp_path / "out.jsonl").read_text()
    assert [n for n in range(9) if BODIES[line_format].replace("1", str(n)) in text] == [0, 1, 2, 4, 6, 7, 8]


def test_p6_a_batch_of_nothing_but_bad_events_says_so(tmp_path: Path, start: Start) -> None:
    exporter = start(tmp_path / "out.jsonl", max_line_bytes=1024)
    with pytest.raises(BatchTooLargeError, match="max_line_bytes is 1024"):
        exporter.export(make_batch(1, body="x" * 2000))
    with pytest.raises(PermanentError, match="TypeError"):
        exporter.export(make_batch(1, body=object()))
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_a_line_may_be_exactly_as_long_as_allowed() -> None:
    (event,) = make_batch(1, body="x" * 5000)
    length = len(encode([event], "jsonl", 10_000).data) - 1
    assert encode([event], "jsonl", length).failed == {}
    assert encode([event], "jsonl", length - 1).failed.keys() == {"test-0"}


@pytest.mark.parametrize("size", ["1", "17MiB"])
def test_p10_the_longest_line_is_between_a_kibibyte_and_what_is_looked_through_after_a_crash(size: str) -> None:
    with pytest.raises(ValidationError):
        FileConfig.model_validate({"path": "x", "max_line_bytes": size})


@pytest.mark.parametrize("half", ['{"resourceLogs":[{"res', '{"resource', '{"resourceSpans":['])
def test_p4_half_a_line_of_otlp_json_is_removed(tmp_path: Path, start: Start, half: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(half)
    start(path, format="otlp_json").export(make_batch(1))
    assert path.read_bytes().splitlines() == encode_otlp_json(make_batch(1))


def test_half_a_line_of_the_other_format_is_removed_too(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"resourceLogs":[{"res')
    start(path).export(make_batch(1))
    assert [decode_line(line).id for line in path.read_bytes().splitlines()] == ["test-0"]
