"""The options of `service:`, which no component owns."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from beacon_core.config.options import ComponentConfig


class PipelineOptions(ComponentConfig):
    """One pipeline: which receivers feed it, what happens to the events, which exporters get them."""

    receivers: list[str] = Field(min_length=1)
    """Ids of the receivers that feed it."""

    processors: list[str] = Field(default_factory=list)
    """Ids of the processors, in the order in which they work; `sanitize` is the last."""

    exporters: list[str] = Field(min_length=1)
    """Ids of the exporters; each gets every event."""

    allow_unsanitized: bool = False
    """Accept a pipeline that does not end with `sanitize`: raw events then reach the disk and the destinations."""


class QueueSelection(ComponentConfig):
    """Which queue; its other options are those of the queue's own config class."""

    model_config = ConfigDict(extra="allow")

    type: str = "sqlite"
    """Type of the queue, such as `sqlite` or `memory`."""


class TelemetryOptions(ComponentConfig):
    """Where Beacon reports about itself."""

    endpoint: str | None = None
    """Address of `/healthz`, `/readyz`, `/metrics` and `/receipt`, such as `127.0.0.1:13133`; off when absent."""


class ServiceOptions(ComponentConfig):
    """The section `service`."""

    pipelines: dict[str, PipelineOptions] = Field(min_length=1)
    """The pipelines, by name."""

    queue: QueueSelection = QueueSelection()
    """What holds events between the pipelines and the exporters."""

    telemetry: TelemetryOptions = TelemetryOptions()
    """Where Beacon reports about itself."""

    workers: int = Field(default=1, ge=1, le=64)
    """Processes that do the work, all on the same port (`SO_REUSEPORT`; not on Windows), each with a queue file of its
    own beside the first one's. One process uses one CPU: more help where that is not enough and there are more."""

    worker_cpu_affinity: Literal["auto", "none"] = "auto"
    """With several processes: `auto` keeps each on a CPU of its own where there are enough (Linux), which saves a fifth
    of their CPU; `none` leaves it to the system."""
