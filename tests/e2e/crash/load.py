"""Clients that post uniquely named records over kept connections, and note what they were told is safe."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.crash.evidence import PADDING, POISON

CLIENTS = 4
LARGEST_REQUEST = 12
_POISON_SHARE = 0.002
_AGAIN_SHARE = 0.5  # of requests that got no answer: sent again, byte for byte, as OTLP clients do; the others never
_LARGE_SHARE = 0.03  # of the requests: with records of 30 kB, so that writing takes a while
_PAUSE = 0.008  # seconds between two requests of a client at most
_RETRIED = frozenset({429, 503})


class Load:
    """Several clients, each with one connection and one outstanding request.

    Args:
        seed: of what they send; when they send it depends on the machine.
    """

    def __init__(self, seed: str) -> None:
        self.acknowledged: list[str] = []
        self.problems: list[str] = []
        self._address: tuple[str, int] | None = None
        self._flowing = threading.Event()
        self._ended = threading.Event()
        self._idle = threading.Semaphore(0)
        self._clients = [
            threading.Thread(target=self._run, args=(number, random.Random(f"{seed}/client {number}")), daemon=True)
            for number in range(CLIENTS)
        ]
        for client in self._clients:
            client.start()

    @contextmanager
    def flowing(self, address: tuple[str, int]) -> Iterator[None]:
        """Post to `address` meanwhile; afterwards no request is outstanding. The server may die at any time."""
        self._address = address
        self._flowing.set()
        try:
            yield
        finally:
            self._flowing.clear()
            for _ in self._clients:
                if not self._idle.acquire(timeout=60):
                    raise RuntimeError("a request is neither answered nor refused")

    def close(self) -> None:
        """End the clients."""
        self._ended.set()
        self._flowing.set()
        for client in self._clients:
            client.join(30)

    def _run(self, number: int, chance: random.Random) -> None:
        client = _Client(f"c{number}", chance)
        while True:
            self._flowing.wait()
            if self._ended.is_set():
                return
            address = self._address
            while address is not None and self._flowing.is_set():
                self._post(client, address)
                self._ended.wait(chance.random() * _PAUSE)
            client.disconnect()
            self._idle.release()

    def _post(self, client: _Client, address: tuple[str, int]) -> None:
        names = client.names
        try:
            status = client.post(address)
        except (OSError, http.client.HTTPException):
            client.disconnect()
            client.unanswered()
            return
        if status == 200:
            self.acknowledged += names
            client.next()
        elif status in _RETRIED:
            client.unanswered()
        else:
            self.problems.append(f"a good request was answered with {status}")
            client.next()


class _Client:
    """What one client sends."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self._name = name
        self._chance = chance
        self._link: http.client.HTTPConnection | None = None
        self._number = -1
        self.next()

    def next(self) -> None:
        """Make another request."""
        self._number += 1
        self.names = [self._record(place) for place in range(self._chance.randint(1, LARGEST_REQUEST))]
        padding = PADDING + "large " * 5000 if self._chance.random() < _LARGE_SHARE else ""
        records = [
            {"timeUnixNano": "1795145112904000000", "body": {"stringValue": name + padding}} for name in self.names
        ]
        body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
        self._headers = {"Content-Type": "application/json"}
        if self._chance.random() < 0.5:
            body = gzip.compress(body, 1)
            self._headers["Content-Encoding"] = "gzip"
        self._body = body

    def unanswered(self) -> None:
        """Send the request again next time, or give it up."""
        if self._chance.random() >= _AGAIN_SHARE:
            self.next()

    def post(self, address: tuple[str, int]) -> int:
        """Send the request and return the status of the answer."""
        if self._link is None:
            self._link = http.client.HTTPConnection(*address, timeout=30)
        self._link.request("POST", "/v1/logs", self._body, self._headers)
        answer = self._link.getresponse()
        answer.read()
        return answer.status

    def disconnect(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _record(self, place: int) -> str:
        poison = f"-{POISON}" if self._chance.random() < _POISON_SHARE else ""
        return f"{self._name}-{self._number}-{place}{poison}"
