"""Beacon: a pipeline for the telemetry of command-line tools and AI coding agents.

What is named here is the API for components of your own; everything else may change without notice. Names are loaded
when they are first used, so that `import beacon_core` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beacon_core.component import Component, Host
    from beacon_core.compression import gzip_body
    from beacon_core.config import (
        BatchOptions,
        ComponentConfig,
        Duration,
        ExporterConfig,
        RetryOptions,
        Secret,
        Size,
        TlsOptions,
    )
    from beacon_core.errors import (
        BatchTooLargeError,
        BeaconError,
        ConfigurationError,
        ExportError,
        InvalidDataError,
        PartialExportError,
        PermanentError,
        PluginError,
        QueueError,
        QueueFullError,
        QueueUnavailableError,
        RetryableError,
    )
    from beacon_core.event import (
        Attributes,
        AttributeValue,
        Batch,
        Buckets,
        Event,
        Exemplar,
        Metric,
        Quantile,
        Scope,
        Signal,
        Span,
        SpanEvent,
        SpanLink,
        content_id,
        decode_batch,
        decode_line,
        encode_batch,
        encode_lines,
    )
    from beacon_core.exporter import Exporter, raise_failures
    from beacon_core.forms import JsonForm, json_form
    from beacon_core.http import HttpAnswer, HttpClient, http_error
    from beacon_core.otlp import encode_otlp_json
    from beacon_core.processor import Processor
    from beacon_core.queue import Backlog, Entry, Lease, LeasedBatch, Queue
    from beacon_core.receiver import Consumer, Receiver
    from beacon_core.telemetry import Count, Counters

__all__ = [
    "AttributeValue",
    "Attributes",
    "Backlog",
    "Batch",
    "BatchOptions",
    "BatchTooLargeError",
    "BeaconError",
    "Buckets",
    "Component",
    "ComponentConfig",
    "ConfigurationError",
    "Consumer",
    "Count",
    "Counters",
    "Duration",
    "Entry",
    "Event",
    "Exemplar",
    "ExportError",
    "Exporter",
    "ExporterConfig",
    "Host",
    "HttpAnswer",
    "HttpClient",
    "InvalidDataError",
    "JsonForm",
    "Lease",
    "LeasedBatch",
    "Metric",
    "PartialExportError",
    "PermanentError",
    "PluginError",
    "Processor",
    "Quantile",
    "Queue",
    "QueueError",
    "QueueFullError",
    "QueueUnavailableError",
    "Receiver",
    "RetryOptions",
    "RetryableError",
    "Scope",
    "Secret",
    "Signal",
    "Size",
    "Span",
    "SpanEvent",
    "SpanLink",
    "TlsOptions",
    "__version__",
    "content_id",
    "decode_batch",
    "decode_line",
    "encode_batch",
    "encode_lines",
    "encode_otlp_json",
    "gzip_body",
    "http_error",
    "json_form",
    "raise_failures",
]

__version__ = "0.1.0"

#: Where the names come from, low on the import ladder first.
_HOMES = (
    "errors",
    "event",
    "telemetry",
    "config",
    "component",
    "queue",
    "receiver",
    "processor",
    "exporter",
    "forms",
    "http",
    "compression",
    "otlp",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                globals()[name] = value = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
