"""The load: sends records over some connections, one request after the other on each, and notes what is acknowledged.

Run as `python load.py --port 4318 --events 10000`; prints JSON. A request that is refused for now (429, 5xx), or whose
connection breaks, is sent again until it is accepted or `--patience` is over.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

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
    """

    acknowledged: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0

    def figures(self) -> dict[str, object]:
        """Return what is printed."""
        return {
            "acknowledged": self.acknowledged,
            "p50_ms": percentile(self.seconds, 50) * 1e3,
            "p99_ms": percentile(self.seconds, 99) * 1e3,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "began": self.began,
            "ended": self.ended,
        }


def percentile(values: list[float], percent: int) -> float:
    """Return the smallest value that so many percent do not exceed; 0 of none."""
    return sorted(values)[-(-len(values) * percent // 100) - 1] if values else 0.0


class Sender:
    """One connection and its requests; each sender has a thread."""

    def __init__(self, load: Load, requests: list[Template], turns: Iterator[int], lock: threading.Lock) -> None:
        self._load = load
        self._requests = requests
        self._turns = turns
        self._lock = lock
        self._connection: http.client.HTTPConnection | None = None
        self.sent = Sent()

    def run(self) -> Sent:
        """Send until no requests are left."""
        load = self._load
        while True:
            with self._lock:
                turn = next(self._turns, None)
            if turn is None:
                self._close()
                return self.sent
            first = load.first + turn * load.batch
            body = self._requests[turn % len(self._requests)].fill(first)
            begin = time.monotonic()
            if self._accepted(body, begin + load.patience):
                self.sent.acknowledged.append(first)
                self.sent.seconds.append(time.monotonic() - begin)

    def _accepted(self, body: bytes, deadline: float) -> bool:
        while time.monotonic() < deadline:
            status = self._post(body)
            self.sent.statuses[status] += 1
            if status and status not in _AGAIN:
                return status < 300
            time.sleep(_PAUSE)
        return False

    def _post(self, body: bytes) -> int:
        """Return the status of one attempt, 0 if there was no answer."""
        load = self._load
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=load.patience)
        try:
            self._connection.request("POST", PATH, body, {"Content-Type": CONTENT_TYPES[load.encoding]})
            with self._connection.getresponse() as answer:
                answer.read()
                return answer.status
        except (OSError, http.client.HTTPException):
            self._close()
            return 0

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send(load: Load) -> Sent:
    """Send a load and wait for all answers."""
    requests = templates(load.batch, load.encoding)
    turns, lock = iter(range(load.events // load.batch)), threading.Lock()
    senders = [Sender(load, requests, turns, lock) for _ in range(load.connections)]
    total = Sent(began=time.monotonic())
    with ThreadPoolExecutor(load.connections) as pool:
        for sent in pool.map(Sender.run, senders):
            total.acknowledged += sent.acknowledged
            total.seconds += sent.seconds
            total.statuses += sent.statuses
    total.ended = time.monotonic()
    return total


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
    print(json.dumps(send(Load(**vars(parser.parse_args()))).figures()))


if __name__ == "__main__":
    main()
