"""Beacon's own metrics: its counters as OpenTelemetry instruments, shown as Prometheus text.

Names follow the OpenTelemetry semantic conventions where they have one (`process.*`), else `beacon.events.<counter>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import psutil
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric, NumberDataPoint

from beacon_core.telemetry import Count

_COUNTERS = (
    *("received", "deduplicated", "duplicates", "refused", "requests", "lines"),
    *("accepted", "delivered", "filtered", "dropped", "dead_lettered", "possibly_duplicated", "redacted"),
)
Callback = Callable[[CallbackOptions], Iterable[Observation]]


class Metrics:
    """Reads the counters whenever somebody asks; costs nothing in between. Any thread.

    Args:
        counters: the run's.
    """

    def __init__(self, counters: Iterable[Count]) -> None:
        self._counters = counters
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader], shutdown_on_exit=False)
        meter = self._provider.get_meter("beacon")
        for name in _COUNTERS:
            meter.create_observable_counter(f"beacon.events.{name}", [self._count(name)], "{event}")
        process = psutil.Process()
        meter.create_observable_gauge(
            "process.memory.usage", [lambda _: [Observation(process.memory_info().rss)]], "By"
        )
        meter.create_observable_counter(
            "process.cpu.time", [lambda _: [Observation(sum(process.cpu_times()[:2]))]], "s"
        )

    def _count(self, name: str) -> Callback:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            for count in self._counters:
                if count.name == name:
                    labels = {"component": count.component} | ({"reason": count.reason} if count.reason else {})
                    yield Observation(count.value, labels)

        return observe

    def prometheus(self) -> str:
        """Return all metrics in the Prometheus text format 0.0.4."""
        data = self._reader.get_metrics_data()
        found = data.resource_metrics if data is not None else []
        return "".join(_prometheus(metric) for r in found for scope in r.scope_metrics for metric in scope.metrics)

    def shutdown(self) -> None:
        """Let go of the reader."""
        self._provider.shutdown()


def _prometheus(metric: Metric) -> str:
    is_counter = getattr(metric.data, "is_monotonic", False)
    name = metric.name.replace(".", "_") + ("_total" if is_counter else "")
    lines = [f"# TYPE {name} {'counter' if is_counter else 'gauge'}"]
    for point in metric.data.data_points:
        if isinstance(point, NumberDataPoint):
            labels = ",".join(f'{key}="{_escaped(str(value))}"' for key, value in (point.attributes or {}).items())
            lines.append(f"{name}{{{labels}}} {point.value}" if labels else f"{name} {point.value}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
