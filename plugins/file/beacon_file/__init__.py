"""Beacon's exporter for local files: JSON lines or OTLP/JSON, by service and day, rotated."""
