"""One run of a pipeline: from the start over signals and reloads to the drain and the receipt."""

from __future__ import annotations

import gc
import logging
import queue
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from beacon_core.errors import BeaconError, ConfigurationError
from beacon_core.loader import Graph
from beacon_core.queue import Backlog
from beacon_core.receipt import Receipt
from beacon_core.service.files import Endpoints, write_ready
from beacon_core.service.receipt import make_receipt
from beacon_core.service.running import STOP_TIMEOUT, RunningGraph
from beacon_core.telemetry import Counters

if TYPE_CHECKING:
    from beacon_core.service.admin import AdminServer

logger = logging.getLogger("beacon.service")

_LONGEST_WAIT = 0.1  # seconds
_POLL = 0.05  # seconds between looks at workers while draining


class Service:
    """One run of a pipeline.

    Args:
        graph: what to run; not started.
        drain_timeout: seconds that exporters get at the end of a run to deliver what is queued. None: 10 s after a
            signal; after finite receivers came to their end 30 s in a run of one pass, else no limit, unless every
            destination that is left refuses the configuration.
        once: make one pass over what is there, with receivers that come to an end (`Receiver.finite`) only.
        load: returns the graph of the configuration as it is now, for `reload`.
        worker: which of several processes this is, from 1.
        announced: told the endpoints of all receivers, by id and protocol, as soon as they accept, and after a reload.
    """

    DEFAULT_DRAIN_TIMEOUT = 10.0
    ONCE_DRAIN_TIMEOUT = 30.0

    def __init__(
        self,
        graph: Graph,
        *,
        drain_timeout: float | None = None,
        once: bool = False,
        load: Callable[[], Graph] | None = None,
        worker: int = 1,
        announced: Callable[[Endpoints], None] = lambda _: None,
    ) -> None:
        self._graph = graph
        self._drain_timeout = drain_timeout
        self._once = once
        self._load = load
        self.counters = Counters()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()  # safe in a signal handler, unlike Event and Condition
        self._running = RunningGraph(self.counters, self._ended, once=once, worker=worker)
        self._announced = announced
        self._receiving = set(graph.receivers)
        self._receivers = dict.fromkeys(graph.receivers)  # of the whole run, also those that a reload took away
        self._exporters = dict.fromkeys(graph.exporters)
        self._admin: AdminServer | None = None
        self._admin_url = ""
        self._said: dict[str, object] = {}
        self._before: dict[str, Backlog] = {}
        self._stop_requested = False
        self._reload_requested = False
        self.failed = False  #: a thread ended with an error that it should not have had
        self.aborted = False  #: `stop` was called twice: the drain was cut short
        self.ready = False  #: every receiver accepts

    # ---- from any thread, also from a signal handler ----

    def stop(self) -> None:
        """Ask for the end of the run: drain, then return. A second call ends without draining."""
        self.aborted = self._stop_requested
        self._stop_requested = True
        self._news.put("")

    def reload(self) -> None:
        """Ask for the configuration to be read again; if it is wrong, that is logged and the run goes on as it was."""
        self._reload_requested = True
        self._news.put("")

    def receipt(self) -> Receipt:
        """Add up what has happened so far."""
        return make_receipt(
            self.counters,
            receivers=self._receivers,
            exporters=self._exporters,
            before=self._before,
            after=self._graph.queue.backlogs(),
        )

    def _ended(self, name: str, failed: bool) -> None:
        self.failed = self.failed or failed
        self._news.put(name)

    # ---- the run ----

    def run(
        self,
        *,
        ready_file: Path | None = None,
        announce: Mapping[str, object] | None = None,
        begun: Callable[[], None] | None = None,
    ) -> Receipt:
        """Run until `stop` is called or every receiver has come to its end; return the receipt. Once only.

        Args:
            ready_file: is written when every receiver accepts, and removed at the end.
            announce: what it says besides.
            begun: called at the start of the run; may start threads.

        Raises:
            BeaconError: a component could not start; everything that had started is shut down again.
        """
        if self._once:
            _require_finite(self._graph)
        self._said = dict(announce or {})
        if begun is not None:
            begun()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        try:
            self._start()
            self._announce(ready_file)
            self._wait_for_the_end(ready_file)
        finally:
            self.ready = False
            self._running.end_receiving()
            self._drain()
            if self._admin is not None:
                self._admin.shutdown()
            self._running.shutdown()
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
        return self.receipt()

    def _start(self) -> None:
        self._running.start(self._graph, self._queue_started)
        if self._graph.telemetry_endpoint is not None:
            from beacon_core.service.admin import AdminServer  # noqa: PLC0415 - brings the OpenTelemetry SDK

            self._admin = AdminServer(self._graph.telemetry_endpoint, self)
            self._admin_url = self._admin.start()
            logger.info("admin endpoint %s", self._admin_url)

    def _queue_started(self) -> None:
        """Note what was queued before anything is delivered, and say what would wait for ever."""
        self._before = self._graph.queue.backlogs()
        for name, backlog in self._before.items():
            if backlog.events and name not in self._graph.exporters:
                logger.warning(
                    "%d events are queued for exporter %s, which this pipeline does not have; they stay",
                    backlog.events,
                    name,
                )

    def _announce(self, ready_file: Path | None) -> None:
        gc.freeze()  # modules, options and rules stay for the whole run: 45,000 objects less to go through each time
        gc.enable()
        endpoints = {name: dict(receiver.endpoints) for name, receiver in self._graph.receivers.items()}
        if ready_file is not None:
            write_ready(ready_file, endpoints, self._admin_url, **self._said)
        self.ready = True
        self._announced(endpoints)
        for name, addresses in endpoints.items():
            logger.info("%s is ready%s", name, "".join(f" {address}" for address in addresses.values()))

    def _wait_for_the_end(self, ready_file: Path | None) -> None:
        """Return once `stop` was called, a thread failed, or every receiver has come to its end."""
        while self._receiving and not self._stop_requested and not self.failed:
            self._receiving.discard(self._next_news())
            if self._reload_requested:
                self._reload_requested = False
                self._reload(ready_file)

    def _next_news(self) -> str:
        """Return what there is to react to; empty if nothing, or if it is not the end of a receiver.

        Never waits for long: a signal that comes to another thread, or right before this one begins to wait, does not
        wake it, and Python runs handlers in this thread only.
        """
        try:
            return self._news.get(timeout=_LONGEST_WAIT)
        except queue.Empty:
            return ""

    def _reload(self, ready_file: Path | None) -> None:
        if self._load is None:
            return
        before = set(self._graph.receivers)
        try:
            graph = self._load()
            if self._once:
                _require_finite(graph)
            self._running.replace(graph)
        except BeaconError as error:
            logger.error("the configuration was not changed:\n%s", error)  # noqa: TRY400 - no traceback
            return
        self._graph = graph
        self._receiving = (self._receiving & set(graph.receivers)) | (set(graph.receivers) - before)
        self._receivers |= dict.fromkeys(graph.receivers)
        self._exporters |= dict.fromkeys(graph.exporters)
        logger.info("the configuration was read again")
        self._announce(ready_file)

    # ---- the end ----

    def _drain(self) -> None:
        """Let the workers deliver what is queued, as long as there is time and sense in it."""
        workers = self._running.all_workers
        for worker in workers:
            worker.drain()
        if workers:
            self._graph.queue.stop_waiting()
        deadline = self._drain_deadline()
        held_until = time.monotonic() + self.DEFAULT_DRAIN_TIMEOUT
        while busy := [worker for worker in workers if not worker.join(0)]:
            now = time.monotonic()
            hopeless = now > held_until and all(worker.held for worker in busy)
            if now > deadline or hopeless or self.aborted:
                break
            busy[0].join(_POLL)
        for worker in busy:
            worker.stop()
        for worker in busy:
            worker.join(STOP_TIMEOUT)

    def _drain_deadline(self) -> float:
        timeout = self._drain_timeout
        if timeout is None:
            signalled = self._stop_requested or self.failed
            unasked = self.ONCE_DRAIN_TIMEOUT if self._once else float("inf")
            timeout = self.DEFAULT_DRAIN_TIMEOUT if signalled else unasked
        return time.monotonic() + timeout


def _require_finite(graph: Graph) -> None:
    endless = [name for name, receiver in graph.receivers.items() if not receiver.finite]
    if endless:
        raise ConfigurationError(
            f"--once needs receivers that come to an end, such as spool, stdin and file_input: {', '.join(endless)} "
            "would wait for ever; use a pipeline file without it, or run without --once"
        )
