"""The components of a graph while they run: started from the back to the front, ended from the front to the back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from beacon_core.component import Component, Host
from beacon_core.delivery import Worker
from beacon_core.errors import BeaconError, ConfigurationError
from beacon_core.loader import Graph
from beacon_core.pipeline import Intake, Pipeline
from beacon_core.receiver import Receiver
from beacon_core.telemetry import Counters

C = TypeVar("C", bound=Component)

logger = logging.getLogger("beacon.service")

_ATTEMPT_TIMEOUT = 60.0  # seconds that an attempt gets before its exporter is replaced; all have shorter time-outs
_RECEIVER_TIMEOUT = 5.0  # seconds that receivers get to finish the requests they have read
STOP_TIMEOUT = 1.0  # seconds that an attempt gets that is still running when the drain is over


class RunningGraph:
    """Starts, replaces and ends components. One thread uses it; the receivers' threads call `ended`.

    Args:
        counters: the run's.
        ended: told the id of a receiver or exporter whose thread has come to its end, and whether that was an error.
        once: receivers make one pass, see `Host.once`.
        worker: which of several processes this is, from 1.
    """

    def __init__(
        self, counters: Counters, ended: Callable[[str, bool], None], *, once: bool = False, worker: int = 1
    ) -> None:
        self._counters = counters
        self._worker = worker
        self._ended = ended
        self._once = once
        self._started: list[Component] = []
        self._receivers: dict[str, Receiver] = {}
        self._intakes: dict[str, Intake] = {}
        self._threads: dict[str, threading.Thread] = {}
        self.workers: dict[str, list[Worker]] = {}
        self.graph: Graph | None = None

    def start(self, graph: Graph, queue_started: Callable[[], None]) -> None:
        """Start everything; when this returns, every receiver accepts.

        Args:
            graph: what to start.
            queue_started: called when the queue has started and nothing else has.

        Raises:
            BeaconError: a component cannot work. `shutdown` ends what has started.
        """
        self.graph = graph
        self._start(graph, "queue", graph.queue)
        queue_started()
        for components in (graph.exporters, graph.processors, graph.receivers):
            for name, component in components.items():
                self._start(graph, name, component)
        for name in graph.exporters:
            self._deliver(graph, name)
        for name, receiver in graph.receivers.items():
            self._receive(graph, name, receiver)

    @property
    def all_workers(self) -> list[Worker]:
        """The workers of all exporters."""
        return [worker for workers in self.workers.values() for worker in workers]

    def is_started(self, component: Component) -> bool:
        """Say whether a component has been started and not been ended."""
        return any(component is started for started in self._started)

    def _start(self, graph: Graph, name: str, component: Component) -> None:
        self._started.append(component)  # before it starts: what started half-way has to be shut down as well
        try:
            host = Host(name, self._counters, secrets=graph.secrets, once=self._once, worker=self._worker)
            component.start(host)
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}: {error}") from None

    def _deliver(self, graph: Graph, name: str) -> None:
        exporter, config = graph.exporters[name], graph.exporter_configs[name]
        self.workers[name] = [
            Worker(exporter, config, graph.queue, exporter.host, lambda: self._ended(name, True))
            for _ in range(config.max_in_flight)
        ]
        for worker in self.workers[name]:
            worker.start()

    def _receive(self, graph: Graph, name: str, receiver: Receiver) -> None:
        intake = Intake(name, _pipelines(graph, name), graph.queue, self._counters)
        thread = threading.Thread(target=self._run, args=(name, receiver, intake), name=name, daemon=True)
        self._receivers[name], self._intakes[name], self._threads[name] = receiver, intake, thread
        thread.start()

    def _run(self, name: str, receiver: Receiver, intake: Intake) -> None:
        failed = True
        try:
            receiver.run(intake)
            failed = False
        finally:
            if self._receivers.get(name) is receiver:  # else another one has taken its place
                self._ended(name, failed)

    # ---- another graph ----

    def replace(self, graph: Graph) -> None:
        """Change over to another graph; what is the same in both goes on without a pause.

        Raises:
            BeaconError: the new graph cannot work; everything goes on as before.
        """
        old = self.graph
        if old is None or not _same(old.queue, graph.queue):
            raise ConfigurationError("service.queue cannot change during a run; restart Beacon for that")
        graph.queue = old.queue
        self._keep_what_is_the_same(old, graph)
        self._start_all(graph, {**graph.processors, **_new(old.exporters, graph.exporters)})
        self._replace_exporters(old, graph)
        self.graph = graph
        for name, intake in self._intakes.items():
            if name in graph.receivers:
                intake.pipelines = tuple(_pipelines(graph, name))
        self._replace_receivers(old, graph)
        self._shut_down(old.processors.values())

    def _keep_what_is_the_same(self, old: Graph, graph: Graph) -> None:
        for name, exporter in old.exporters.items():
            if name in graph.exporters and _same(exporter, graph.exporters[name]):
                graph.exporters[name] = exporter
        for name, receiver in old.receivers.items():
            if name in graph.receivers and _same(receiver, graph.receivers[name]):
                graph.receivers[name] = receiver

    def _start_all(self, graph: Graph, components: dict[str, Component]) -> None:
        try:
            for name, component in components.items():
                self._start(graph, name, component)
        except BeaconError:
            self._shut_down(components.values())
            raise

    def _replace_exporters(self, old: Graph, graph: Graph) -> None:
        """End exporters that changed or are gone before others take their place: two must not write to one file."""
        gone = [name for name, exporter in old.exporters.items() if graph.exporters.get(name) is not exporter]
        self._end_workers(gone)
        self._shut_down([old.exporters[name] for name in gone])
        for name, exporter in graph.exporters.items():
            if not self.is_started(exporter):
                self._start_exporter(old, graph, name)
        for name in graph.exporters:
            if name not in self.workers:
                self._deliver(graph, name)
        for worker in self.all_workers:
            worker.retry_now()

    def _end_workers(self, names: Iterable[str]) -> None:
        ending = [worker for name in names for worker in self.workers.pop(name)]
        for worker in ending:
            worker.stop()
        for worker in ending:
            if not worker.join(_ATTEMPT_TIMEOUT):
                name = worker.exporter_id
                logger.error("%s: an attempt still runs after %g s; its events come later", name, _ATTEMPT_TIMEOUT)

    def _start_exporter(self, old: Graph, graph: Graph, name: str) -> None:
        """Start an exporter in the place of one that was ended; where that fails, the old one takes it again."""
        try:
            self._start(graph, name, graph.exporters[name])
        except BeaconError as error:
            self._shut_down([graph.exporters[name]])
            logger.error("%s; it goes on as before", error)  # noqa: TRY400 - no traceback
            graph.exporters[name] = _again(old.exporters[name])
            graph.exporter_configs[name] = old.exporter_configs[name]
            self._start(graph, name, graph.exporters[name])

    def _replace_receivers(self, old: Graph, graph: Graph) -> None:
        gone = {name: r for name, r in old.receivers.items() if graph.receivers.get(name) is not r}
        for name in gone:
            self._receivers.pop(name)
        self._end(gone.values(), [self._threads.pop(name) for name in gone])
        for name, receiver in graph.receivers.items():
            if not self.is_started(receiver):
                self._start_receiver(old, graph, name, receiver)

    def _start_receiver(self, old: Graph, graph: Graph, name: str, receiver: Receiver) -> None:
        """Start a receiver; where that fails, put the old one back in its place: its port was free a moment ago."""
        try:
            self._start(graph, name, receiver)
        except BeaconError as error:
            self._shut_down([receiver])
            if name not in old.receivers:
                raise
            logger.error("%s; it goes on as before", error)  # noqa: TRY400 - no traceback
            receiver = graph.receivers[name] = _again(old.receivers[name])
            self._start(graph, name, receiver)
        self._receive(graph, name, receiver)

    # ---- the end ----

    def end_receiving(self) -> None:
        """Shut the receivers down; what they had read completely is stored."""
        self._end(self._receivers.values(), self._threads.values())

    def _end(self, receivers: Iterable[Receiver], threads: Iterable[threading.Thread]) -> None:
        deadline = time.monotonic() + _RECEIVER_TIMEOUT
        self._shut_down(receivers, _RECEIVER_TIMEOUT)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                logger.warning("receiver %s did not end within %g s", thread.name, _RECEIVER_TIMEOUT)

    def shutdown(self) -> None:
        """Shut down what is left, the last that started first."""
        self._shut_down(self._started[::-1])

    def _shut_down(self, components: Iterable[Component], timeout: float = STOP_TIMEOUT) -> None:
        for component in list(components):
            try:
                component.shutdown(timeout)
            except (BeaconError, OSError) as error:
                logger.warning("%s did not shut down cleanly: %s", component.host.component, error)
            self._started = [started for started in self._started if started is not component]


def _again(component: C) -> C:
    """Return a component like one that was shut down, not started."""
    return type(component)(component.config)


def _new(old: Mapping[str, Component], new: Mapping[str, Component]) -> dict[str, Component]:
    return {name: component for name, component in new.items() if name not in old}


def _same(one: Component, other: Component) -> bool:
    return type(one) is type(other) and one.config == other.config


def _pipelines(graph: Graph, receiver: str) -> list[Pipeline]:
    """Return the pipelines that a receiver feeds."""
    return [
        Pipeline(name, [(each, graph.processors[each]) for each in options.processors], options.exporters)
        for name, options in graph.pipelines.items()
        if receiver in options.receivers
    ]
