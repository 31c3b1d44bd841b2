// The same agent as agent.py, on the official OpenTelemetry SDK for JavaScript, which the real ones use.
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const [run, count, code] = process.argv.slice(2);
if (process.env.CLAUDE_CODE_ENABLE_TELEMETRY !== "1") throw new Error("telemetry is off");
const resource = resourceFromAttributes({ "service.name": "claude-code", "service.version": "2.1.328" });
const scheduledDelayMillis = Number(process.env.OTEL_LOGS_EXPORT_INTERVAL);
const logs = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor(new OTLPLogExporter(), { scheduledDelayMillis })],
});
const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 60000 });
const metrics = new MeterProvider({ resource, readers: [reader] });
const tokens = metrics.getMeter("com.anthropic.claude_code").createCounter("claude_code.token.usage");
const logger = logs.getLogger("com.anthropic.claude_code.events");
for (let number = 0; number < Number(count); number += 1) {
  logger.emit({
    body: "claude_code.tool_result",
    attributes: { "event.name": "tool_result", "session.id": run, mark: `${run}-${number}`, tool_name: "Bash" },
  });
  tokens.add(7, { type: "input", model: "claude-opus-4-8", "session.id": run });
}
console.log("the result");
const budget = new Promise((done) => setTimeout(done, 2000));
await Promise.race([budget, logs.forceFlush().then(() => metrics.forceFlush())]);
process.exit(Number(code));
