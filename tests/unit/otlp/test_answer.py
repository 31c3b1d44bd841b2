"""The bodies of answers, compared with what protobuf itself reads in them."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from beacon_core.otlp import encode_status, encode_success

RESPONSES = {
    "/v1/logs": (ExportLogsServiceResponse, "rejectedLogRecords"),
    "/v1/metrics": (ExportMetricsServiceResponse, "rejectedDataPoints"),
    "/v1/traces": (ExportTraceServiceResponse, "rejectedSpans"),
}


@pytest.mark.parametrize("path", RESPONSES)
def test_success_is_nothing_in_protobuf_and_braces_in_json(path: str) -> None:
    assert encode_success(path, "protobuf") == b""
    assert encode_success(path, "json") == b"{}"


@pytest.mark.parametrize("path", RESPONSES)
def test_a_warning_is_a_partial_success_that_rejected_nothing(path: str) -> None:
    response, rejected = RESPONSES[path]
    parsed = response.FromString(encode_success(path, "protobuf", "wörds " * 40))
    assert parsed.partial_success.error_message == "wörds " * 40
    assert parsed == response.FromString(parsed.SerializeToString())
    answer = json.loads(encode_success(path, "json", "wörds"))
    assert answer == {"partialSuccess": {rejected: "0", "errorMessage": "wörds"}}


def test_a_status_is_as_google_rpc_status_has_it() -> None:
    assert encode_status("protobuf", 3, "no") == b"\x08\x03\x12\x02no"
    assert encode_status("json", 3, "no") == b'{"code":3,"message":"no"}'
    assert encode_status("protobuf", 3, "n" * 300)[:5] == b"\x08\x03\x12\xac\x02"


def test_a_long_text_is_shortened_so_that_an_answer_stays_small() -> None:
    assert len(encode_status("json", 3, "n" * 10_000_000)) < 5000
    assert len(encode_success("/v1/logs", "protobuf", "n" * 10_000_000)) < 5000
