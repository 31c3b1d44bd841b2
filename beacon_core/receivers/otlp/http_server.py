"""Runs the event loop that serves HTTP, until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from beacon_core.component import Host
from beacon_core.receiver import Consumer
from beacon_core.receivers.otlp.config import HttpOptions
from beacon_core.receivers.otlp.connection import Connection, Shared
from beacon_core.receivers.otlp.refusal import Refusals
from beacon_core.receivers.otlp.storing import Storing

#: When stopping: how long to go on accepting while every turn of the loop brings something.
BACKLOG_GRACE = 1.0
QUIET_TURNS = 3

#: When stopping: how long bodies that are still arriving get.
ARRIVAL_GRACE = 1.0

#: When the time-out is over: how long the last answers get to leave.
ANSWER_GRACE = 0.5

_POLL = 0.002  # seconds between looks at what is under way, when stopping

#: Seconds after the start until everything is loaded that a request may need. Not at once: the first request, which
#: needs little of it, would wait for the interpreter.
WARM_UP_AFTER = 1.0


class HttpServer:
    """Serves OTLP/HTTP on sockets that listen already. `run` belongs to one thread, `stop` to any."""

    def __init__(self, options: HttpOptions, host: Host, consumer: Consumer, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._loop = new_event_loop()
        refusals = Refusals(host)
        self._storing = Storing(self._loop, host, consumer, int(options.max_request_body_size), refusals)
        self._shared = Shared(options, host, refusals, self._storing, self._loop)
        self._stopping: asyncio.Future[float] = self._loop.create_future()

    def run(self) -> None:
        """Serve until `stop`; what was read completely by then is stored when this returns."""
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._storing.close()

    def stop(self, timeout: float) -> None:
        """Stop accepting, finish what is running within `timeout` seconds, end `run`."""
        with suppress(RuntimeError):  # the loop is closed: it has stopped already
            self._loop.call_soon_threadsafe(self._set_stopping, timeout)

    def _set_stopping(self, timeout: float) -> None:
        if not self._stopping.done():
            self._stopping.set_result(timeout)

    async def _serve(self) -> None:
        servers = [
            await self._loop.create_server(lambda: Connection(self._shared), sock=sock, backlog=1024)
            for sock in self._sockets
        ]
        self._loop.call_later(WARM_UP_AFTER, self._storing.warm_up)
        timeout = await self._stopping
        await self._take_what_is_there(self._loop.time() + min(timeout, BACKLOG_GRACE))
        for server in servers:
            server.close()
        await self._drain(self._loop.time() + timeout)

    async def _take_what_is_there(self, deadline: float) -> None:
        """Take what clients have connected for and sent before the stop, and wait for nothing more."""
        quiet = 0
        while quiet < QUIET_TURNS and self._loop.time() < deadline:
            before = (self._shared.received, len(self._shared.connections))
            await asyncio.sleep(0)  # one turn of the loop: every socket that has something is read once
            quiet = quiet + 1 if before == (self._shared.received, len(self._shared.connections)) else 0

    async def _drain(self, deadline: float) -> None:
        self._shared.stopping = True
        for connection in self._connections():
            connection.shutdown()
        await self._finish(min(deadline, self._loop.time() + ARRIVAL_GRACE))
        for connection in self._connections():
            if connection.arriving:
                connection.transport.abort()
        await self._finish(deadline)
        self._storing.give_up()
        await self._finish(self._loop.time() + ANSWER_GRACE)
        for connection in self._connections():
            connection.transport.abort()
        await asyncio.sleep(0)  # for `connection_lost`

    def _connections(self) -> list[Connection]:
        return list(self._shared.connections)

    def _is_busy(self) -> bool:
        return self._storing.busy or any(connection.unanswered for connection in self._shared.connections)

    async def _finish(self, deadline: float) -> None:
        """Wait until every request is stored and answered, but no longer than the deadline."""
        while self._loop.time() < deadline and self._is_busy():  # noqa: ASYNC110 - at the end of a run only
            await asyncio.sleep(_POLL)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop: uvloop's, where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
