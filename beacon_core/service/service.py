"""Runs a pipeline: starts its components from the back to the front, and ends them from the front to the back."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from beacon_core.component import Component, Host
from beacon_core.delivery import Worker
from beacon_core.errors import BeaconError
from beacon_core.loader import Graph
from beacon_core.pipeline import Intake, Pipeline
from beacon_core.queue import Backlog
from beacon_core.receiver import Receiver
from beacon_core.service.files import write_json
from beacon_core.service.receipt import Receipt, make_receipt
from beacon_core.telemetry import Counters

if TYPE_CHECKING:
    from beacon_core.service.admin import AdminServer

logger = logging.getLogger("beacon.service")

_RECEIVER_TIMEOUT = 5.0  # seconds that receivers get to finish the requests they have read
_STOP_TIMEOUT = 1.0  # seconds that an attempt gets that is still running when the drain is over
_POLL = 0.05  # seconds between looks at workers while draining


class Service:
    """One run of a pipeline.

    Args:
        graph: what to run; not started.
        drain_timeout: seconds that exporters get at the end of a run to deliver what is queued. None: 10 s after a
            signal; after finite receivers came to their end no limit, unless every destination that is left refuses
            the configuration.
    """

    DEFAULT_DRAIN_TIMEOUT = 10.0

    def __init__(self, graph: Graph, *, drain_timeout: float | None = None) -> None:
        self._graph = graph
        self._drain_timeout = drain_timeout
        self.counters = Counters()
        self._started: list[Component] = []
        self._admin: AdminServer | None = None
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._before: dict[str, Backlog] = {}
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()  # safe in a signal handler, unlike Event and Condition
        self._receiving: set[str] = set()
        self._stop_requested = False
        self._abort_requested = False
        self.failed = False  #: a receiver ended with an error
        self.ready = False  #: every receiver accepts

    # ---- from any thread, also from a signal handler ----

    def stop(self) -> None:
        """Ask for the end of the run: drain, then return. A second call ends without draining."""
        self._abort_requested = self._stop_requested
        self._stop_requested = True
        self._news.put("stop")

    def receipt(self) -> Receipt:
        """Add up what has happened so far."""
        return make_receipt(
            self.counters,
            receivers=self._graph.receivers,
            exporters=self._graph.exporters,
            before=self._before,
            after=self._graph.queue.backlogs() if self._graph.queue in self._started else {},
        )

    # ---- the run ----

    def run(self, *, ready_file: Path | None = None) -> Receipt:
        """Run until `stop` is called or every receiver has come to its end; return the receipt. Once only.

        Raises:
            BeaconError: a component could not start; everything that had started is shut down again.
        """
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        try:
            self._start()
            self._start_admin()
            self._announce(ready_file)
            self._wait_for_the_end()
        finally:
            self.ready = False
            self._end_receiving()
            self._drain()
            if self._admin is not None:
                self._admin.shutdown()
            self._shutdown(self._started[::-1])
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
        return self.receipt()

    def _start(self) -> None:
        graph = self._graph
        self._start_component("queue", graph.queue)
        self._before = graph.queue.backlogs()
        self._mention_strangers()
        for name, exporter in graph.exporters.items():
            self._start_component(name, exporter)
        for name, processor in graph.processors.items():
            self._start_component(name, processor)
        for name, receiver in graph.receivers.items():
            self._start_component(name, receiver)
        for name, exporter in graph.exporters.items():
            worker = Worker(exporter, graph.exporter_configs[name], graph.queue, exporter.host)
            worker.start()
            self._workers.append(worker)
        for name, receiver in graph.receivers.items():
            self._receiving.add(name)
            thread = threading.Thread(target=self._receive, args=(name, receiver), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _start_component(self, name: str, component: Component) -> None:
        self._started.append(component)  # before it starts: shutting down what started half-way is its own business
        component.start(Host(name, self.counters, secrets=self._graph.secrets))

    def _receive(self, name: str, receiver: Receiver) -> None:
        ended = False
        try:
            receiver.run(Intake(name, self._pipelines_of(name), self._graph.queue, self.counters))
            ended = True
        finally:
            self.failed = self.failed or not ended  # the traceback is the threading module's to print
            self._news.put(name)

    def _pipelines_of(self, receiver: str) -> list[Pipeline]:
        """Return the pipelines that a receiver feeds."""
        processors = self._graph.processors
        return [
            Pipeline(name, [(processor, processors[processor]) for processor in options.processors], options.exporters)
            for name, options in self._graph.pipelines.items()
            if receiver in options.receivers
        ]

    def _start_admin(self) -> None:
        if self._graph.telemetry_endpoint is not None:
            from beacon_core.service.admin import AdminServer  # noqa: PLC0415 - brings the OpenTelemetry SDK

            self._admin = AdminServer(self._graph.telemetry_endpoint, self)
            logger.info("admin endpoint %s", self._admin.start())

    def _announce(self, ready_file: Path | None) -> None:
        endpoints = {name: dict(receiver.endpoints) for name, receiver in self._graph.receivers.items()}
        if ready_file is not None:
            write_json(ready_file, {"pid": os.getpid(), "endpoints": endpoints})
        self.ready = True
        for name, addresses in endpoints.items():
            logger.info("%s is ready%s", name, "".join(f" {address}" for address in addresses.values()))

    def _wait_for_the_end(self) -> None:
        """Return once `stop` was called, a receiver failed, or every receiver has come to its end."""
        while self._receiving and not self._stop_requested and not self.failed:
            self._receiving.discard(self._news.get())

    # ---- the end ----

    def _end_receiving(self) -> None:
        deadline = time.monotonic() + _RECEIVER_TIMEOUT
        for receiver in self._graph.receivers.values():
            if receiver in self._started:
                receiver.shutdown(max(0.0, deadline - time.monotonic()))
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                logger.warning("receiver %s did not end within %g s", thread.name, _RECEIVER_TIMEOUT)

    def _drain(self) -> None:
        """Let the workers deliver what is queued, as long as there is time and sense in it."""
        for worker in self._workers:
            worker.drain()
        deadline = self._drain_deadline()
        held_until = time.monotonic() + self.DEFAULT_DRAIN_TIMEOUT
        while busy := [worker for worker in self._workers if not worker.join(0)]:
            now = time.monotonic()
            hopeless = now > held_until and all(worker.held for worker in busy)
            if now > deadline or hopeless or self._abort_requested:
                break
            busy[0].join(_POLL)
        for worker in busy:
            worker.stop()
        for worker in busy:
            worker.join(_STOP_TIMEOUT)

    def _drain_deadline(self) -> float:
        timeout = self._drain_timeout
        if timeout is None:
            signalled = self._stop_requested or self.failed
            timeout = self.DEFAULT_DRAIN_TIMEOUT if signalled else float("inf")
        return time.monotonic() + timeout

    def _shutdown(self, components: Sequence[Component]) -> None:
        for component in components:
            try:
                component.shutdown(_STOP_TIMEOUT)
            except (BeaconError, OSError) as error:
                logger.warning("%s did not shut down cleanly: %s", component.host.component, error)

    def _mention_strangers(self) -> None:
        """Say what is queued for exporters that this pipeline does not have: it would wait for ever."""
        for name, backlog in self._before.items():
            if backlog.events and name not in self._graph.exporters:
                logger.warning(
                    "%d events are queued for exporter %s, which this pipeline does not have; they stay",
                    backlog.events,
                    name,
                )
