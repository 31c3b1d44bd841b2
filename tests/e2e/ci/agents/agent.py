"""A stand-in for a coding agent, on the official OpenTelemetry SDK for Python, configured by its environment alone.

As agents.md 2.7 describes the end of one: the result is printed, what is buffered is sent, logs first, then metrics,
one after the other over HTTP, within about two seconds in all; what does not get through is lost without a word.
"""

from __future__ import annotations

import os
import sys
import time
import warnings

warnings.simplefilter("ignore")

from opentelemetry._logs import LogRecord  # noqa: E402
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider  # noqa: E402
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: E402
from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402

BUDGET = 2.0  # seconds for everything at the end


def main() -> None:
    """Report so many records under a name of this run, and end with the code that was asked for."""
    run, count, code = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    assert os.environ["CLAUDE_CODE_ENABLE_TELEMETRY"] == "1"
    resource = Resource({"service.name": "claude-code", "service.version": "2.1.328"})
    interval = float(os.environ["OTEL_LOGS_EXPORT_INTERVAL"])
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(timeout=BUDGET), interval))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=BUDGET), 60_000)
    metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    tokens = metrics.get_meter("com.anthropic.claude_code").create_counter("claude_code.token.usage", unit="tokens")
    logger = logs.get_logger("com.anthropic.claude_code.events")
    for number in range(count):
        attributes = {"event.name": "tool_result", "session.id": run, "mark": f"{run}-{number}", "tool_name": "Bash"}
        logger.emit(LogRecord(timestamp=time.time_ns(), body="claude_code.tool_result", attributes=attributes))
        tokens.add(7, {"type": "input", "model": "claude-opus-4-8", "session.id": run})
    sys.stdout.write("the result\n")
    sys.stdout.flush()
    logs.force_flush(int(BUDGET * 1000))
    metrics.force_flush(int(BUDGET * 1000))
    os._exit(code)


main()
