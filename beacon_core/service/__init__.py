"""Runs a pipeline: lifecycle, receipt, ready file, admin endpoint."""
