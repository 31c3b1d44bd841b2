"""OTLP, the OpenTelemetry protocol: requests in protobuf or JSON to events, and the answers."""
