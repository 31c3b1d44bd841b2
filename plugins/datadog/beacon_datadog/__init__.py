"""Beacon's exporter for Datadog: logs and spans to the logs intake, metrics to the series intake."""
