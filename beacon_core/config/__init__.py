"""Configuration: how components declare options, and how a pipeline file becomes validated options with positions.

What components need is imported at once; what loads a pipeline file when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from beacon_core.config.options import (
    SECRETS_BY_REFERENCE,
    BatchOptions,
    ComponentConfig,
    Duration,
    ExporterConfig,
    Referenced,
    RetryOptions,
    Secret,
    Size,
    TlsOptions,
)

if TYPE_CHECKING:
    from beacon_core.config.description import Option, describe
    from beacon_core.config.document import Document, load
    from beacon_core.config.nodes import Node
    from beacon_core.config.problems import InvalidConfigurationError, Origin, Problem, Problems, did_you_mean, suggest
    from beacon_core.config.service import PipelineOptions, QueueSelection, ServiceOptions, TelemetryOptions
    from beacon_core.config.syntax import parse_text

__all__ = [
    "SECRETS_BY_REFERENCE",
    "BatchOptions",
    "ComponentConfig",
    "Document",
    "Duration",
    "ExporterConfig",
    "InvalidConfigurationError",
    "Node",
    "Option",
    "Origin",
    "PipelineOptions",
    "Problem",
    "Problems",
    "QueueSelection",
    "Referenced",
    "RetryOptions",
    "Secret",
    "ServiceOptions",
    "Size",
    "TelemetryOptions",
    "TlsOptions",
    "describe",
    "did_you_mean",
    "load",
    "parse_text",
    "suggest",
]

_LATER = {
    **dict.fromkeys(("Option", "describe"), "description"),
    **dict.fromkeys(("Document", "load"), "document"),
    **dict.fromkeys(("Node",), "nodes"),
    **dict.fromkeys(("parse_text",), "syntax"),
    **dict.fromkeys(
        ("InvalidConfigurationError", "Origin", "Problem", "Problems", "did_you_mean", "suggest"), "problems"
    ),
    **dict.fromkeys(("PipelineOptions", "QueueSelection", "ServiceOptions", "TelemetryOptions"), "service"),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        globals()[name] = value = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
