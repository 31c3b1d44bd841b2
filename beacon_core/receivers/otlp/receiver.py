"""The receiver's place in the pipeline: options, addresses, start and shutdown."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import chain

from beacon_core.component import Host
from beacon_core.receiver import Consumer, Receiver
from beacon_core.receivers.otlp.config import OtlpConfig
from beacon_core.receivers.otlp.endpoints import Endpoint, GrpcEndpoint, HttpEndpoint, Server, require_grpc, reserved

_AFTER_A_FAILURE = 1.0  # seconds that the requests of one protocol get when the other one's server has failed


class OtlpReceiver(Receiver):
    """Takes OTLP over HTTP and gRPC; a request is acknowledged when its events are durable (promise P1)."""

    config_class = OtlpConfig
    config: OtlpConfig

    def __init__(self, config: OtlpConfig) -> None:
        super().__init__(config)
        self._endpoints: dict[str, Endpoint] = {}
        self._reserved: dict[str, list[socket.socket]] = {}
        self._lock = threading.Lock()
        self._servers: list[Server] = []
        self._stopped = False
        self._finished = threading.Event()

    @property
    def endpoints(self) -> dict[str, str]:
        return {protocol: endpoint.url for protocol, endpoint in self._endpoints.items()}

    def validate(self) -> None:
        if self.config.protocols.grpc is not None:
            require_grpc()

    def share(self, workers: int) -> None:  # noqa: ARG002 - for any number
        protocols = self.config.protocols
        if protocols.http is not None:
            self._reserved["http"] = reserved("http", protocols.http)
        if protocols.grpc is not None:
            self._reserved["grpc"] = reserved("grpc", protocols.grpc)

    def start(self, host: Host) -> None:
        super().start(host)
        self.validate()
        protocols = self.config.protocols
        if protocols.http is not None:
            self._listen("http", HttpEndpoint(protocols.http, self._reserved.get("http", ())), protocols.http.endpoint)
        if protocols.grpc is not None:
            self._listen("grpc", GrpcEndpoint(protocols.grpc, self._reserved.get("grpc", ())), protocols.grpc.endpoint)

    def _listen(self, protocol: str, endpoint: Endpoint, address: str) -> None:
        self._endpoints[protocol] = endpoint
        if endpoint.is_public:
            self.host.logger.warning(
                "listens on %s without authentication: every machine that reaches it can send telemetry; "
                "127.0.0.1 is for this machine only",
                address,
            )

    def run(self, consumer: Consumer) -> None:
        with self._lock:
            if self._stopped or not self._endpoints:
                return
            self._servers = [endpoint.serve(self.host, consumer) for endpoint in self._endpoints.values()]
        try:
            _run_all(self._servers)
        finally:
            self._finished.set()

    def shutdown(self, timeout: float) -> None:
        with self._lock:
            self._stopped = True
        for server in self._servers:
            server.stop(timeout)
        if self._servers:
            self._finished.wait(timeout + 5)  # `run` keeps to the time-out; the rest is for closing
        for endpoint in self._endpoints.values():
            endpoint.close()
        for sock in chain.from_iterable(self._reserved.values()):
            sock.close()
        self._servers, self._endpoints = [], {}  # gRPC's thread ends with the last of its objects


def _run_all(servers: Sequence[Server]) -> None:
    """Run servers side by side; if one of them fails, end the others and raise its error."""
    with ThreadPoolExecutor(len(servers), thread_name_prefix="beacon-otlp") as threads:
        running = [threads.submit(server.run) for server in servers]
        ended, others = wait(running, return_when=FIRST_EXCEPTION)
        if others:
            for server in servers:
                server.stop(_AFTER_A_FAILURE)
    for each in ended | others:
        each.result()
