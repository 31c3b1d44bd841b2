"""What third parties may import from `beacon_core`: this list and nothing else."""

from __future__ import annotations

import importlib

import beacon_core
import beacon_core.testing

PUBLIC = {
    *(
        "AttributeValue",
        "Attributes",
        "Backlog",
        "Batch",
        "BatchOptions",
        "BatchTooLargeError",
        "BeaconError",
        "Buckets",
    ),
    *("Component", "ComponentConfig", "ConfigurationError", "Consumer", "Count", "Counters", "Duration", "Entry"),
    *("Event", "Exemplar", "ExportError", "Exporter", "ExporterConfig", "Host", "InvalidDataError", "Lease"),
    *("LeasedBatch", "Metric", "PartialExportError", "PermanentError", "PluginError", "Processor", "Quantile", "Queue"),
    *("QueueError", "QueueFullError", "QueueUnavailableError", "Receiver", "RetryOptions", "RetryableError", "Scope"),
    *("Secret", "Signal", "Size", "Span", "SpanEvent", "SpanLink", "__version__", "content_id", "decode_batch"),
    *(
        "decode_line",
        "encode_batch",
        "encode_lines",
        "encode_otlp_json",
        "gzip_body",
        "HttpAnswer",
        "HttpClient",
        "TlsOptions",
        "http_error",
        "JsonForm",
        "json_form",
        "raise_failures",
    ),
}


def test_the_public_names_are_exactly_these() -> None:
    assert set(beacon_core.__all__) == PUBLIC
    assert sorted(beacon_core.__all__) == sorted(set(beacon_core.__all__))


def test_every_public_name_can_be_imported() -> None:
    for name in beacon_core.__all__:
        assert getattr(beacon_core, name) is not None


def test_every_name_comes_from_the_first_home_that_has_it() -> None:
    for name in set(beacon_core.__all__) - {"__version__"}:
        homes = [h for h in beacon_core._HOMES if hasattr(importlib.import_module(f"beacon_core.{h}"), name)]
        assert getattr(beacon_core, name) is getattr(importlib.import_module(f"beacon_core.{homes[0]}"), name)


def test_the_testing_kit_exports_what_it_names() -> None:
    for name in beacon_core.testing.__all__:
        assert hasattr(beacon_core.testing, name)
