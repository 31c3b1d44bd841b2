"""The addresses of the receiver: bound before anything is received, so that a port that is taken is an error."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.receiver import Consumer
from beacon_core.receivers.otlp.config import GrpcOptions, HttpOptions
from beacon_core.sockets import is_loopback, listen, listen_beside, reserve, split_endpoint, url

if TYPE_CHECKING:
    from beacon_core.receivers.otlp.grpc_server import GrpcPort

#: How often to look for a free port: somebody may take it between finding and binding it.
_ATTEMPTS = 5


class Server(Protocol):
    """Serves one protocol. `run` belongs to one thread, `stop` to any."""

    def run(self) -> None:
        """Serve until `stop`; what was read completely by then is stored when this returns."""

    def stop(self, timeout: float) -> None:
        """Stop accepting, finish what is running within `timeout` seconds, end `run`. Returns at once."""


class Endpoint(ABC):
    """One protocol at its address; listens from the moment it is made until `close`.

    Attributes:
        url: for clients on this machine.
        is_public: whether other machines can connect, too.
    """

    url: str
    is_public: bool

    @abstractmethod
    def serve(self, host: Host, consumer: Consumer) -> Server:
        """Return what serves here, not running yet; once only."""

    @abstractmethod
    def close(self) -> None:
        """Stop listening; after the server has ended, or instead of it. Safe twice."""


def reserved(protocol: str, options: HttpOptions | GrpcOptions) -> list[socket.socket]:
    """Return what holds the address of a protocol for several processes, each of which opens an endpoint there.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    return reserve(*split_endpoint(options.endpoint), option_of(protocol))


class HttpEndpoint(Endpoint):
    """OTLP over HTTP.

    Args:
        options: where, and limits.
        beside: what holds the address for several processes, if it does.

    Raises:
        ConfigurationError: the address cannot be used.
    """

    def __init__(self, options: HttpOptions, beside: Sequence[socket.socket] = ()) -> None:
        self._options = options
        name, port = split_endpoint(options.endpoint)
        self._sockets = [listen_beside(sock) for sock in beside] or listen(name, port, option_of("http"))
        self.url = url(name, self._sockets[0])
        self.is_public = not all(is_loopback(sock) for sock in self._sockets)

    def serve(self, host: Host, consumer: Consumer) -> Server:
        from beacon_core.receivers.otlp.http_server import HttpServer  # noqa: PLC0415 - asyncio, needed to run only

        return HttpServer(self._options, host, consumer, self._sockets)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


class GrpcEndpoint(Endpoint):
    """OTLP over gRPC.

    Args:
        options: where, and limits.
        beside: what holds the address for several processes, if it does.

    Raises:
        ConfigurationError: the address cannot be used.
    """

    def __init__(self, options: GrpcOptions, beside: Sequence[socket.socket] = ()) -> None:
        self._options = options
        name, port = split_endpoint(options.endpoint)
        if beside:
            self._port = self._open(name, beside, shared=True)
            return
        for left in reversed(range(_ATTEMPTS if port == 0 else 1)):
            try:
                self._port = self._find(name, port)
                break
            except ConfigurationError:
                if not left:
                    raise

    def _find(self, name: str, port: int) -> GrpcPort:
        """Find the addresses with sockets of ours, since gRPC explains nothing, and let it open its own."""
        return self._open(name, listen(name, port, option_of("grpc")), shared=False)

    def _open(self, name: str, found: Sequence[socket.socket], *, shared: bool) -> GrpcPort:
        from beacon_core.receivers.otlp.grpc_server import GrpcPort  # noqa: PLC0415 - of the extra `grpc`

        self.url = url(name, found[0])
        self.is_public = not all(is_loopback(sock) for sock in found)
        addresses = [sock.getsockname()[:2] for sock in found]
        if not shared:
            for sock in found:
                sock.close()
        return GrpcPort(self._options, addresses, shared=shared)

    def serve(self, host: Host, consumer: Consumer) -> Server:
        from beacon_core.receivers.otlp.grpc_server import GrpcServer  # noqa: PLC0415 - of the extra `grpc`

        return GrpcServer(self._options, self._port, host, consumer)

    def close(self) -> None:
        self._port.close()


def option_of(protocol: str) -> str:
    """Return the option that says where a protocol listens, for errors."""
    return f"protocols.{protocol}.endpoint"


def require_grpc() -> None:
    """See that the extra is installed, without importing it.

    Raises:
        ConfigurationError: it is not.
    """
    if find_spec("grpc") is None:
        raise ConfigurationError("protocols.grpc needs grpcio, which is not installed: pip install 'beacon-core[grpc]'")
