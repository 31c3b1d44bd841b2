"""The receiver's place in the pipeline: options, sockets, start and shutdown."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from beacon_core.component import Host
from beacon_core.receiver import Consumer, Receiver
from beacon_core.receivers.otlp.config import OtlpConfig, split_endpoint
from beacon_core.receivers.otlp.sockets import is_loopback, listen, listen_beside, reserve, url

if TYPE_CHECKING:  # asyncio and uvicorn: 100 ms that a configuration check does not need
    from beacon_core.receivers.otlp.server import Server


class OtlpReceiver(Receiver):
    """Takes OTLP over HTTP; a request is acknowledged when its events are durable (promise P1)."""

    config_class = OtlpConfig
    config: OtlpConfig

    def __init__(self, config: OtlpConfig) -> None:
        super().__init__(config)
        self._sockets: list[socket.socket] = []
        self._reserved: list[socket.socket] = []
        self._url = ""
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._stopped = False
        self._finished = threading.Event()

    @property
    def endpoints(self) -> dict[str, str]:
        return {"http": self._url} if self._url else {}

    def share(self, workers: int) -> None:  # noqa: ARG002 - for any number
        name, port = split_endpoint(self.config.protocols.http.endpoint)
        self._reserved = reserve(name, port)

    def start(self, host: Host) -> None:
        super().start(host)
        name, port = split_endpoint(self.config.protocols.http.endpoint)
        self._sockets = [listen_beside(sock) for sock in self._reserved] or listen(name, port)
        self._url = url(name, self._sockets[0])
        if not all(is_loopback(sock) for sock in self._sockets):
            host.logger.warning(
                "listens on %s without authentication: every machine that reaches it can send telemetry; "
                "127.0.0.1 is for this machine only",
                self.config.protocols.http.endpoint,
            )

    def run(self, consumer: Consumer) -> None:
        from beacon_core.receivers.otlp.server import Server  # noqa: PLC0415 - heavy, needed to run only

        with self._lock:
            if self._stopped or not self._sockets:
                return
            self._server = Server(self.config.protocols.http, self.host, consumer, self._sockets)
        try:
            self._server.run()
        finally:
            self._finished.set()

    def shutdown(self, timeout: float) -> None:
        with self._lock:
            self._stopped = True
            server = self._server
        if server is not None:
            server.stop(timeout)
            self._finished.wait(timeout + 5)  # `run` keeps to the time-out; the rest is for closing
        for sock in [*self._sockets, *self._reserved]:
            sock.close()
