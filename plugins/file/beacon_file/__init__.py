"""Beacon's exporter for local files: JSON lines, one event a line, rotated by size."""
