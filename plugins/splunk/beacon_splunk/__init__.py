"""Beacon exporter."""
