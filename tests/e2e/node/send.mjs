// Sends a log record, a data point and a span with the OpenTelemetry SDK's own gRPC exporters: node send.mjs URL
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

const url = process.argv[2];
const exporter = new OTLPLogExporter({ url, compression: "gzip" });
const logs = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
logs.getLogger("node").emit({ eventName: "a log", body: "hello", severityNumber: 9 });
const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url }), exportIntervalMillis: 3600000 });
const metrics = new MeterProvider({ readers: [reader] });
metrics.getMeter("node").createCounter("a metric").add(3);
const traces = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url }))] });
traces.getTracer("node").startSpan("a span").end();
for (const provider of [logs, metrics, traces]) await provider.shutdown();
