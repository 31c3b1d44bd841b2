"""A worker process: a whole service, without an admin endpoint, that obeys the process which forked it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NoReturn

from beacon_core.errors import BeaconError, ConfigurationError
from beacon_core.loader import Graph
from beacon_core.service.service import Service
from beacon_core.service.words import Ready, Report, Trouble, encode

logger = logging.getLogger("beacon.service")


def work(
    graph: Graph,
    number: int,
    pipes: tuple[Connection, Connection],
    *,
    drain_timeout: float | None,
    load: Callable[[], Graph] | None,
) -> NoReturn:
    """Run a service in this process, which was just forked, and end the process.

    Args:
        graph: what to run; its components are shared.
        number: which of the worker processes this is, from 1.
        pipes: for what is told, and for what is to be done.
        drain_timeout: as of `Service`.
        load: likewise.
    """
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for the one that passes them on
        signal.signal(each, signal.SIG_IGN)
    if graph.own_cpus:
        _keep_to_a_cpu(number, graph.workers)
    news, control = pipes
    logger.setLevel(logging.WARNING)  # that it is ready is said once for all
    graph.telemetry_endpoint = None
    service = Service(
        graph,
        drain_timeout=drain_timeout,
        load=None if load is None else lambda: _loaded(graph, load),
        worker=number,
        announced=lambda endpoints: news.send_bytes(encode(Ready(endpoints))),
    )
    threading.Thread(target=_obey, args=(service, control), name="control", daemon=True).start()
    code = 1
    try:
        receipt = service.run()
        news.send_bytes(encode(Report(receipt, list(service.counters), service.failed)))
        code = 0
    except BeaconError as error:
        news.send_bytes(encode(Trouble(type(error).__name__, str(error))))
    finally:
        if (failed := sys.exc_info()[1]) is not None:  # not its text, which may hold anything
            frames = "".join(traceback.format_tb(failed.__traceback__)).rstrip()
            logger.error("worker process %d failed with %s:\n%s", number, type(failed).__name__, frames)
        sys.stderr.flush()
        os._exit(code)  # what the other process has set up for its own end is none of ours


def _keep_to_a_cpu(number: int, workers: int) -> None:
    """Keep this process on one of the CPUs that it may use, if there is one for each.

    Its threads take turns, as only one at a time can run Python code. On several CPUs each turn finds what the one
    before has made in the cache of another CPU, which costs a fifth of all that there is to do, and more alone.
    """
    if hasattr(os, "sched_setaffinity"):  # Linux
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) >= workers:
            with suppress(OSError):  # where a sandbox forbids it, nothing is lost
                os.sched_setaffinity(0, {cpus[(number - 1) * len(cpus) // workers]})


def _obey(service: Service, control: Connection) -> None:
    """Do as told. If nobody is there any more, end as if killed: what was acknowledged is on disk."""
    while True:
        try:
            word = control.recv_bytes()
            if word == b"stop":
                service.stop()
            elif word == b"reload":
                service.reload()
            else:
                control.send_bytes(encode(Report(service.receipt(), list(service.counters))))
        except (EOFError, OSError):
            os._exit(1)


def _loaded(running: Graph, load: Callable[[], Graph]) -> Graph:
    """Return the configuration as it is now.

    Raises:
        ConfigurationError: it has other receivers, which one process after the other cannot agree on.
    """
    graph = load()
    if {name: each.config for name, each in graph.receivers.items()} != {
        name: each.config for name, each in running.receivers.items()
    }:
        raise ConfigurationError("with several service.workers, receivers cannot change during a run; restart Beacon")
    return graph
