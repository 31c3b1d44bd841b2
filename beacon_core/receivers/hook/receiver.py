"""The receiver `hook`: JSON over local HTTP, for agents that have hooks."""

from __future__ import annotations

import secrets
import socket
import threading
from typing import TYPE_CHECKING, ClassVar

from beacon_core.component import Host
from beacon_core.receiver import Consumer, Receiver
from beacon_core.receivers.hook.config import HookConfig
from beacon_core.sockets import listen, listen_beside, reserve, split_endpoint, url

if TYPE_CHECKING:
    from beacon_core.receivers.hook.server import HookServer


class HookReceiver(Receiver):
    """Takes a message with each POST; it is acknowledged when its event is durable (promise P1)."""

    config_class: ClassVar[type[HookConfig]] = HookConfig
    config: HookConfig

    def __init__(self, config: HookConfig) -> None:
        super().__init__(config)
        self._sockets: list[socket.socket] = []
        self._reserved: list[socket.socket] = []
        self._url = ""
        self._lock = threading.Lock()
        self._server: HookServer | None = None
        self._stopped = False
        self._finished = threading.Event()

    @property
    def endpoints(self) -> dict[str, str]:
        return {"http": self._url} if self._url else {}

    def share(self, workers: int) -> None:  # noqa: ARG002 - for any number
        self._reserved = reserve(*split_endpoint(self.config.endpoint), "endpoint")

    def start(self, host: Host) -> None:
        super().start(host)
        name, port = split_endpoint(self.config.endpoint)
        self._sockets = [listen_beside(sock) for sock in self._reserved] or listen(name, port, "endpoint")
        self._url = url(name, self._sockets[0])

    def run(self, consumer: Consumer) -> None:
        from beacon_core.receivers.hook.server import HookServer  # noqa: PLC0415 - needed to run only

        with self._lock:
            if self._stopped or not self._sockets:
                return
            self._server = HookServer(self.config, self.host, consumer, self._sockets, secrets.token_bytes(16))
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
            self._finished.wait(timeout + 1)
        for sock in [*self._sockets, *self._reserved]:
            sock.close()
