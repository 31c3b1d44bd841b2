"""Real clients: the recorded requests of coding agents, and the OpenTelemetry SDK's exporters."""

from __future__ import annotations

import http.client
import json
import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
SCENARIOS = [
    pytest.param(manifest, id=manifest.parent.name)
    for manifest in sorted(AGENTS.glob("*/*/manifest.json"))
    if all(entry["transport"] == "http" for entry in json.loads(manifest.read_text()))
]
LEFT_OUT = {"host", "content-length", "connection", "transfer-encoding"}


@pytest.mark.skipif(not SCENARIOS, reason="the recorded sessions are not here")
@pytest.mark.parametrize("manifest", SCENARIOS)
def test_a_recorded_session_arrives_whole_over_one_connection(serve: Any, manifest: Path) -> None:
    served = serve()
    entries = json.loads(manifest.read_text())
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as link:
        for entry in entries:
            recorded = {key.lower(): value for key, value in entry["headers"].items()}
            headers = {key: value for key, value in recorded.items() if key not in LEFT_OUT}
            body = (manifest.parent / entry["file"]).read_bytes()
            if chunked := "transfer-encoding" in recorded:
                headers["transfer-encoding"] = "chunked"
            link.request("POST", entry["path"], iter([body]) if chunked else body, headers, encode_chunked=chunked)
            answer = link.getresponse()
            assert (answer.status, answer.getheader("content-type")) == (200, headers["content-type"])
            assert answer.read() in (b"", b"{}")
    assert [len(batch) for batch in served.consumer.batches] == [entry["records"] for entry in entries]
    assert served.counted("refused") == {}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_sdks_spans_arrive(serve: Any, compression: Compression) -> None:
    served = serve()
    exporter = OTLPSpanExporter(served.receiver.endpoints["http"] + "/v1/traces", compression=compression)
    provider = TracerProvider(resource=Resource({"service.name": "sdk"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with (
        provider.get_tracer("t", "1").start_as_current_span("outer"),
        provider.get_tracer("t", "1").start_as_current_span("inner") as span,
    ):
        span.set_attribute("list", ["a", "b"])
        span.add_event("happened", {"n": 1})
    provider.shutdown()
    inner, outer = served.consumer.events
    assert (inner.name, outer.name, inner.attributes) == ("inner", "outer", {"list": ["a", "b"]})
    assert inner.span.parent_span_id == outer.span_id
    assert (outer.span.parent_span_id, inner.trace_id) == ("", outer.trace_id)
    assert [(event.name, event.attributes) for event in inner.span.events] == [("happened", {"n": 1})]
    assert inner.resource["service.name"] == "sdk"
    assert (inner.scope.name, inner.scope.version) == ("t", "1")


def test_the_sdks_metrics_arrive(serve: Any) -> None:
    served = serve()
    exporter = OTLPMetricExporter(served.receiver.endpoints["http"] + "/v1/metrics")
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)])
    meter = provider.get_meter("m")
    meter.create_counter("count", unit="1").add(3, {"k": "v"})
    meter.create_histogram("times").record(0.7)
    meter.create_gauge("level").set(1.5)
    provider.shutdown()
    found = {event.name: event for event in served.consumer.events}
    assert {name: event.metric.kind for name, event in found.items()} == {
        "count": "sum",
        "times": "histogram",
        "level": "gauge",
    }
    count = found["count"]
    assert (count.metric.value, count.metric.monotonic, count.metric.temporality, count.attributes) == (
        3,
        True,
        "cumulative",
        {"k": "v"},
    )
    assert (found["times"].metric.count, found["times"].metric.sum, found["level"].metric.value) == (1, 0.7, 1.5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_sdks_logs_arrive(serve: Any) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    served = serve()
    provider = LoggerProvider(resource=Resource({"service.name": "sdk"}))
    exporter = OTLPLogExporter(served.receiver.endpoints["http"] + "/v1/logs")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    record = LogRecord(
        timestamp=5,
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body={"a": [1, None]},
        attributes={"k": b"\x00"},
        event_name="e",
    )
    provider.get_logger("l").emit(record)
    provider.shutdown()
    [event] = served.consumer.events
    assert (event.name, event.time_unix_nano, event.severity_number, event.severity_text) == ("e", 5, 13, "WARN")
    assert (event.body, event.attributes) == ({"a": [1, None]}, {"k": b"\x00"})


def test_the_sdk_repeats_after_503_and_the_repeat_has_the_same_id(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    from beacon_core.errors import QueueUnavailableError
    from beacon_core.testing import ListConsumer

    caplog.set_level(logging.CRITICAL)
    served = serve(ListConsumer(QueueUnavailableError("the disk is full")))
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(served.receiver.endpoints["http"] + "/v1/traces")))
    provider.get_tracer("t").start_span("kept").end()
    provider.force_flush()
    provider.shutdown()
    assert [event.name for event in served.consumer.events] == ["kept"]
    assert served.counted("refused") == {"queue_unavailable": 1}
