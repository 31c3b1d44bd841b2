"""Beacon's exporter for Splunk: events, spans and metrics through the HTTP Event Collector (HEC)."""
