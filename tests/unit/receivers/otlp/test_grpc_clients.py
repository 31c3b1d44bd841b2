"""The OpenTelemetry SDK's own gRPC exporters deliver all three signals."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from beacon_core import QueueUnavailableError
from beacon_core.testing import ListConsumer

SDK = Resource({"service.name": "sdk"})


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_sdks_spans_arrive(serve_grpc: Any, compression: Any) -> None:
    served = serve_grpc()
    exporter = OTLPSpanExporter(served.receiver.endpoints["grpc"], insecure=True, compression=compression)
    provider = TracerProvider(resource=SDK)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("t", "1").start_as_current_span("outer") as span:
        span.set_attribute("text", "x" * 5000)
    provider.shutdown()
    [event] = served.consumer.events
    assert (event.name, event.attributes, event.resource["service.name"]) == ("outer", {"text": "x" * 5000}, "sdk")


def test_the_sdks_metrics_arrive(serve_grpc: Any) -> None:
    served = serve_grpc()
    exporter = OTLPMetricExporter(served.receiver.endpoints["grpc"], insecure=True)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=SDK)
    provider.get_meter("m").create_counter("count", unit="1").add(3, {"k": "v"})
    provider.shutdown()
    [event] = served.consumer.events
    assert (event.name, event.metric.kind, event.metric.value, event.attributes) == ("count", "sum", 3, {"k": "v"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_sdks_logs_arrive(serve_grpc: Any) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    served = serve_grpc()
    provider = LoggerProvider(resource=SDK)
    exporter = OTLPLogExporter(served.receiver.endpoints["grpc"], insecure=True)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    provider.get_logger("l").emit(LogRecord(timestamp=5, severity_number=SeverityNumber.WARN, body="b", event_name="e"))
    provider.shutdown()
    [event] = served.consumer.events
    assert (event.name, event.time_unix_nano, event.severity_number, event.body) == ("e", 5, 13, "b")


def test_p5_the_sdk_repeats_after_unavailable_and_the_repeat_has_the_same_id(
    serve_grpc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class FullOnce(ListConsumer):
        ids: list[str]

        def consume(self, batch: Any) -> None:
            self.ids = [*getattr(self, "ids", []), batch.id]
            super().consume(batch)

    caplog.set_level(logging.CRITICAL)
    served = serve_grpc(FullOnce(QueueUnavailableError("the disk is full")))
    provider = TracerProvider()
    exporter = OTLPSpanExporter(served.receiver.endpoints["grpc"], insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    provider.get_tracer("t").start_span("kept").end()
    provider.force_flush()
    provider.shutdown()
    assert [event.name for event in served.consumer.events] == ["kept"]
    assert len(served.consumer.ids) == 2
    assert len(set(served.consumer.ids)) == 1
