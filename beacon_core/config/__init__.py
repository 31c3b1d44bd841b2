"""Configuration: how components declare options, and how a pipeline file becomes validated options with positions."""

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
)

__all__ = [
    "SECRETS_BY_REFERENCE",
    "BatchOptions",
    "ComponentConfig",
    "Duration",
    "ExporterConfig",
    "Referenced",
    "RetryOptions",
    "Secret",
    "Size",
]
