"""The load: sends records over some connections, one request after the other on each, and notes what is acknowledged.

Run as `python load.py --port 4318 --events 10000`; prints JSON. A request that is refused for now (429, 5xx), or whose
connection breaks, is sent again until it is accepted or `--patience` is over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import httptools

from loops import new_event_loop
from records import CONTENT_TYPES, Encoding, Template, templates

PATH = "/v1/logs"
_AGAIN = {429, 500, 502, 503, 504}
_PAUSE = 0.02  # seconds before a request is sent again


@dataclass(frozen=True)
class Load:
    """What is to be sent.

    Attributes:
        port: where to.
        events: how many records, in whole requests.
        batch: records in a request.
        connections: how many at the same time.
        encoding: of the requests.
        first: number of the first record.
        patience: seconds for which one request is tried.
    """

    port: int
    events: int
    batch: int = 100
    connections: int = 8
    encoding: Encoding = "protobuf"
    first: int = 1
    patience: float = 30.0


@dataclass
class Sent:
    """What became of it.

    Attributes:
        acknowledged: first numbers of the requests that were.
        seconds: how long each of them took, with what was sent again.
        statuses: how often each was answered; 0 for a connection that broke.
        began: monotonic time of the first request.
        ended: of the last answer.
        cpu: processor time in between, in seconds.
    """

    acknowledged: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0

    def figures(self) -> dict[str, object]:
        """Return what is printed."""
        return {
            "acknowledged": self.acknowledged,
            "p50_ms": percentile(self.seconds, 50) * 1e3,
            "p99_ms": percentile(self.seconds, 99) * 1e3,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "began": self.began,
            "ended": self.ended,
            "cpu": self.cpu,
        }


def percentile(values: list[float], percent: int) -> float:
    """Return the smallest value that so many percent do not exceed; 0 of none."""
    return sorted(values)[-(-len(values) * percent // 100) - 1] if values else 0.0


class Connection(asyncio.Protocol):
    """One connection: a request, then its answer; httptools calls what begins with `on_`."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None

    @classmethod
    async def open(cls, port: int) -> Connection | None:
        """Connect to a port of this machine; return None if nobody listens."""
        try:
            _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        except OSError:
            return None
        return connection

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return not self._transport.is_closing()

    async def post(self, head: bytes, body: bytes, patience: float) -> int:
        """Send a request; return the status of the answer, 0 if there was none."""
        loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._answer, self._has_end, self._status = loop.create_future(), False, 0
        self._transport.writelines((head, body))
        timer = loop.call_later(patience, self._transport.abort)
        try:
            return await self._answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """End it."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Go on."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_header(self, name: bytes, _: bytes) -> None:
        """Note whether the answer says where it ends."""
        self._has_end |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        """Keep the status of an answer that ends with the connection."""
        if not self._has_end:
            self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """Take the answer, unless it is one that only announces another."""
        status = self._parser.get_status_code()
        if status >= 200:
            if not self._parser.should_keep_alive():
                self._transport.close()
            self._settle(status)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._settle(0 if exc else self._status)

    def _settle(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)


class Sender:
    """One connection after the other, and the requests on it."""

    def __init__(self, load: Load, requests: list[Template], turns: Iterator[int], sent: Sent) -> None:
        self._load = load
        self._requests = requests
        self._turns = turns
        self._sent = sent
        self._connection: Connection | None = None
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\n"
            f"Content-Type: {CONTENT_TYPES[load.encoding]}\r\nContent-Length: "
        ).encode()

    async def run(self) -> None:
        """Send until no requests are left."""
        load = self._load
        for turn in self._turns:
            first = load.first + turn * load.batch
            body = self._requests[turn % len(self._requests)].fill(first)
            begin = time.monotonic()
            if await self._accepted(body, begin + load.patience):
                self._sent.acknowledged.append(first)
                self._sent.seconds.append(time.monotonic() - begin)
        if self._connection is not None:
            self._connection.close()

    async def _accepted(self, body: bytes, deadline: float) -> bool:
        while time.monotonic() < deadline:
            status = await self._post(body)
            self._sent.statuses[status] += 1
            if status and status not in _AGAIN:
                return status < 300
            await asyncio.sleep(_PAUSE)
        return False

    async def _post(self, body: bytes) -> int:
        """Return the status of one attempt, 0 if there was no answer."""
        if self._connection is None or not self._connection.is_open:
            self._connection = await Connection.open(self._load.port)
        if self._connection is None:
            return 0
        return await self._connection.post(b"%s%d\r\n\r\n" % (self._head, len(body)), body, self._load.patience)


async def send(load: Load) -> Sent:
    """Send a load and wait for all answers."""
    requests, turns = templates(load.batch, load.encoding), iter(range(load.events // load.batch))
    sent = Sent(began=time.monotonic())
    cpu = time.process_time()
    await asyncio.gather(*(Sender(load, requests, turns, sent).run() for _ in range(load.connections)))
    sent.ended, sent.cpu = time.monotonic(), time.process_time() - cpu
    return sent


def main() -> None:
    """Send what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--batch", type=int, default=Load.batch)
    parser.add_argument("--connections", type=int, default=Load.connections)
    parser.add_argument("--encoding", choices=list(CONTENT_TYPES), default=Load.encoding)
    parser.add_argument("--first", type=int, default=Load.first)
    parser.add_argument("--patience", type=float, default=Load.patience)
    load = Load(**vars(parser.parse_args()))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        print(json.dumps(runner.run(send(load)).figures()))


if __name__ == "__main__":
    main()
