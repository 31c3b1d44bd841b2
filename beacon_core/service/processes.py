"""Several processes that run one pipeline on one port: forked, told when to stop, and added up.

This process only keeps them: it holds the ports, passes signals on, answers at the admin endpoint and writes ready file
and receipt. Components start in the others, after the fork, so nothing that cannot be copied is: no thread, no
connection, no open file.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from beacon_core import errors
from beacon_core.errors import BeaconError, ConfigurationError
from beacon_core.loader import Graph
from beacon_core.receipt import Receipt, add_up
from beacon_core.service.admin_start import start_admin
from beacon_core.service.files import Endpoints, write_ready
from beacon_core.service.words import Ready, Report, Trouble, decode_news, decode_report
from beacon_core.service.work import work
from beacon_core.telemetry import Count

logger = logging.getLogger("beacon.service")

_LONGEST_WAIT = 0.1  # seconds: a signal that comes to another thread, or right before the wait, does not end it
_ANSWER = 5.0  # seconds that a worker process gets to say what it has done


@dataclass(eq=False)
class _Child:
    """A worker process.

    Attributes:
        number: from 1.
        pid: its process id.
        news: what it tells by itself: that it is ready, what went wrong, its last report.
        control: where it is told to stop and asked for reports.
        endpoints: where its receivers listen, once it is ready.
        last: its last report.
    """

    number: int
    pid: int
    news: Connection
    control: Connection
    endpoints: Endpoints | None = None
    last: Report | None = None


class Processes:
    """One run of a pipeline in several processes; used as `Service` is.

    Args:
        graph: what to run; not started.
        drain_timeout: as of `Service`.
        load: likewise.
    """

    def __init__(
        self, graph: Graph, *, drain_timeout: float | None = None, load: Callable[[], Graph] | None = None
    ) -> None:
        self._graph = graph
        self._drain_timeout = drain_timeout
        self._load = load
        self._children: list[_Child] = []
        self._asking = threading.Lock()
        self._stop_requests = 0
        self._announced = False
        self._said: dict[str, object] = {}
        self._trouble: BeaconError | None = None
        self.failed = False  #: a process ended that should not have
        self.ready = False  #: every receiver of every process accepts

    # ---- from the main thread, also in a signal handler ----

    @property
    def aborted(self) -> bool:
        """Whether `stop` was called twice: the drain was cut short."""
        return self._stop_requests > 1

    def stop(self) -> None:
        """Ask for the end of the run: drain, then return. A second call ends without draining."""
        self._stop_requests += 1
        self._tell(b"stop")

    def reload(self) -> None:
        """Ask every process to read the configuration again."""
        self._tell(b"reload")

    # ---- from any thread ----

    def receipt(self) -> Receipt:
        """Add up what has happened so far."""
        return add_up([report.receipt for report in self._reports()])

    @property
    def counters(self) -> Iterable[Count]:
        """The counters of all processes, added up."""
        return _Sums(self._reports)

    def _reports(self) -> list[Report]:
        with self._asking:
            return [report for child in self._children if (report := child.last or _ask(child)) is not None]

    # ---- the run ----

    def run(
        self,
        *,
        ready_file: Path | None = None,
        announce: Mapping[str, object] | None = None,
        begun: Callable[[], None] | None = None,
    ) -> Receipt:
        """Run until `stop` is called, or a process fails; return the receipt. Once only.

        Args:
            ready_file: is written when every receiver of every process accepts, and removed at the end.
            announce: what it says besides.
            begun: called once all processes are there; may start threads, which a fork would not copy.

        Raises:
            BeaconError: a component cannot be shared, or could not start.
        """
        self._share()
        self._said = dict(announce or {})
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        for number in range(1, self._graph.workers + 1):
            self._fork(number)
        if begun is not None:
            begun()
        try:
            with start_admin(self._graph.telemetry_endpoint, self) as admin_url:
                self._listen(ready_file, admin_url)
        except BeaconError as error:
            self._trouble = error
            self.stop()
            self._listen(None, "")
        finally:
            for receiver in self._graph.receivers.values():
                receiver.shutdown(0)
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
        if self._trouble is not None:
            raise self._trouble
        return add_up([child.last.receipt for child in self._children if child.last is not None])

    def _share(self) -> None:
        workers = self._graph.workers
        if not hasattr(os, "fork") or not hasattr(socket, "SO_REUSEPORT"):
            raise ConfigurationError(
                f"service.workers: this system cannot share a port between {workers} processes (SO_REUSEPORT, fork);"
                " set it to 1"
            )
        graph = self._graph
        named = {**graph.receivers, **graph.processors, **graph.exporters, "service.queue": graph.queue}
        for name, component in named.items():
            try:
                component.share(workers)
            except ConfigurationError as error:
                raise ConfigurationError(f"{name}: {error}") from None

    def _fork(self, number: int) -> None:
        news, tells = Pipe(duplex=False)
        control, obeys = Pipe()
        pid = os.fork()
        if pid == 0:
            for mine in (news, control, *(end for child in self._children for end in (child.news, child.control))):
                mine.close()  # else nobody would see the end of the process that holds the other end
            work(self._graph, number, (tells, obeys), drain_timeout=self._drain_timeout, load=self._load)
        tells.close()
        obeys.close()
        self._children.append(_Child(number, pid, news, control))
        for _ in range(self._stop_requests):
            control.send_bytes(b"stop")

    def _listen(self, ready_file: Path | None, admin_url: str) -> None:
        """Take what the processes tell until all have ended."""
        talking = {child.news: child for child in self._children if not child.news.closed}
        while talking:
            for news in wait(list(talking), _LONGEST_WAIT):
                child = talking[news]  # type: ignore[index]  # wait() returns what it was given
                try:
                    self._heard(child, child.news.recv_bytes())
                except (EOFError, OSError):
                    del talking[child.news]
                    child.news.close()
                    self._ended(child)
                else:
                    self._announce(ready_file, admin_url)

    def _heard(self, child: _Child, text: bytes) -> None:
        match decode_news(text):
            case Ready(endpoints):
                child.endpoints = endpoints
            case Trouble(kind, said):
                child.last = None
                self._trouble = self._trouble or getattr(errors, kind, BeaconError)(said)
            case Report() as report:
                child.last = report
                self.failed = self.failed or report.failed

    def _announce(self, ready_file: Path | None, admin_url: str) -> None:
        if self._announced or not all(child.endpoints for child in self._children):
            return
        self._announced = True
        endpoints = self._children[0].endpoints or {}
        if ready_file is not None:
            workers = [child.pid for child in self._children]
            write_ready(ready_file, endpoints, admin_url, workers=workers, **self._said)
        self.ready = True
        for name, addresses in endpoints.items():
            places = "".join(f" {address}" for address in addresses.values())
            logger.info("%s is ready%s, in %d processes", name, places, len(self._children))

    def _ended(self, child: _Child) -> None:
        """See off a process; one that was not told to end takes the others with it, so that somebody notices."""
        self.ready = False
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if child.last is None and self._trouble is None:
            self.failed = True
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            logger.error(
                "worker process %d (%d) %s; what it had stored stays in its queue for the next run, and is not in this"
                " run's receipt; the others end, too",
                *(child.number, child.pid, how),
            )
        if not self._stop_requests:
            self.stop()

    def _tell(self, word: bytes) -> None:
        for child in self._children:
            with suppress(OSError):  # it has ended
                child.control.send_bytes(word)


class _Sums:
    """Counters of several processes; every pass asks anew."""

    def __init__(self, reports: Callable[[], list[Report]]) -> None:
        self._reports = reports

    def __iter__(self) -> Iterator[Count]:
        sums: dict[tuple[str, str, str], int] = {}
        for report in self._reports():
            for count in report.counts:
                key = (count.name, count.component, count.reason)
                sums[key] = sums.get(key, 0) + count.value
        return (Count(*key, value) for key, value in sorted(sums.items()))


def _ask(child: _Child) -> Report | None:
    """Return what a process has done so far; None if it does not say."""
    try:
        while child.control.poll():  # an answer that came too late
            child.control.recv_bytes()
        child.control.send_bytes(b"report")
        return decode_report(child.control.recv_bytes()) if child.control.poll(_ANSWER) else None
    except (EOFError, OSError):
        return None
