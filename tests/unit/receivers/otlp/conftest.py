"""A running `otlp` receiver on a free port, and raw requests to it."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from beacon_core.component import Host
from beacon_core.event import Batch
from beacon_core.receiver import Consumer
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
from beacon_core.testing import ListConsumer

JSON = {"Content-Type": "application/json"}


class Gate:
    """A consumer that holds every batch until it is opened, as a slow disk does."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        self.batches: list[Batch] = []

    def consume(self, batch: Batch) -> None:
        self.entered.release()
        assert self.opened.wait(30)
        self.batches.append(batch)

    def consume_all(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self.consume(batch)


@dataclass
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Served:
    """A receiver that runs, what it takes, and ways to talk to it."""

    receiver: OtlpReceiver
    host: Host
    consumer: Any
    thread: threading.Thread
    links: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.receiver.endpoints["http"].rpartition(":")[2])

    @property
    def target(self) -> str:
        return self.receiver.endpoints["grpc"].removeprefix("http://")

    def connect(self) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.links.append(link)
        return link

    def post(self, path: str, body: Any = b"{}", headers: dict[str, str] | None = None, method: str = "POST") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, JSON if headers is None else headers)
            return read(connection.getresponse())
        finally:
            connection.close()

    def send(self, raw: bytes) -> socket.socket:
        link = self.connect()
        link.sendall(raw)
        return link

    def counted(self, name: str) -> dict[str, int]:
        return self.host.counters.reasons(name, self.host.component)

    def stop(self) -> None:
        self.receiver.shutdown(10)
        self.thread.join(20)
        assert not self.thread.is_alive()


def read(response: http.client.HTTPResponse) -> Answer:
    body = response.read()
    return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, body)


def read_answer(link: socket.socket) -> Answer:
    """Read one answer from a raw connection, and no byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = link.recv(1)
        assert piece, f"the connection ended after {head!r}"
        head += piece
    first, *lines = head.decode().rstrip().split("\r\n")
    headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}
    body = b""
    while len(body) < int(headers["content-length"]):
        body += link.recv(int(headers["content-length"]) - len(body))
    return Answer(int(first.split()[1]), headers, body)


Serve = Callable[..., Served]


@pytest.fixture
def serve_protocols() -> Iterator[Serve]:
    """Start receivers: `serve_protocols(protocols, consumer)`, with the section of that name."""
    running: list[Served] = []

    def start(protocols: dict[str, Any], consumer: Consumer | None = None) -> Served:
        receiver, host = OtlpReceiver(OtlpConfig.model_validate({"protocols": protocols})), Host("otlp")
        receiver.start(host)
        taken = consumer if consumer is not None else ListConsumer()
        thread = threading.Thread(target=receiver.run, args=(taken,))
        thread.start()
        running.append(Served(receiver, host, taken, thread))
        return running[-1]

    yield start
    for served in running:
        if isinstance(served.consumer, Gate):
            served.consumer.opened.set()
        for link in served.links:
            link.close()
        served.stop()


@pytest.fixture
def serve(serve_protocols: Serve) -> Serve:
    """Start receivers of HTTP: `serve(consumer, **http_options)`."""

    def start(consumer: Consumer | None = None, **options: Any) -> Served:
        return serve_protocols({"http": {"endpoint": "127.0.0.1:0"} | options}, consumer)

    return start


@pytest.fixture
def serve_grpc(serve_protocols: Serve) -> Serve:
    """Start receivers of gRPC: `serve_grpc(consumer, **grpc_options)`."""

    def start(consumer: Consumer | None = None, **options: Any) -> Served:
        return serve_protocols({"grpc": {"endpoint": "127.0.0.1:0"} | options}, consumer)

    return start


@pytest.fixture
def answer_on() -> Callable[[socket.socket], Answer]:
    """Read one answer from a raw connection."""
    return read_answer


@pytest.fixture
def gate() -> Gate:
    """A consumer that holds every batch until it is opened."""
    return Gate()
