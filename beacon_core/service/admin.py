"""The admin endpoint: is it alive, is it ready, what has it done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, Self

import msgspec

from beacon_core.errors import ConfigurationError
from beacon_core.receipt import Receipt
from beacon_core.service.metrics import Metrics
from beacon_core.telemetry import Count


class Watched(Protocol):
    """What the endpoint reports on."""

    @property
    def ready(self) -> bool:
        """Whether every receiver accepts."""

    @property
    def counters(self) -> Iterable[Count]:
        """The run's counters; may be gone through again and again."""

    def receipt(self) -> Receipt:
        """Add up what has happened so far."""


class AdminServer:
    """Serves `/healthz`, `/readyz`, `/metrics` (Prometheus text) and `/receipt` (JSON) in a thread of its own.

    Args:
        endpoint: `host:port`; port 0 picks a free one.
        watched: what to report on.
    """

    def __init__(self, endpoint: str, watched: Watched) -> None:
        self._endpoint = endpoint
        self._watched = watched
        self._server: ThreadingHTTPServer | None = None
        self._metrics: Metrics | None = None

    def start(self) -> str:
        """Bind and serve; return the URL.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        host, _, port = self._endpoint.rpartition(":")
        try:
            self._server = ThreadingHTTPServer((host.strip("[]") or "127.0.0.1", int(port)), self._handler())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "give host:port, such as 127.0.0.1:13133"
            raise ConfigurationError(f"service.telemetry.endpoint {self._endpoint}: {reason}") from None
        self._server.daemon_threads = True
        self._metrics = Metrics(self._watched.counters)
        threading.Thread(target=self._server.serve_forever, name="admin", daemon=True, args=(0.05,)).start()
        return f"http://{host}:{self._server.server_address[1]}"

    def shutdown(self) -> None:
        """Stop serving; safe unstarted."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        if self._metrics is not None:
            self._metrics.shutdown()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/healthz": lambda: (200, "text/plain", b"ok\n"),
            "/readyz": lambda: (
                (200, "text/plain", b"ready\n") if self._watched.ready else (503, "text/plain", b"not ready\n")
            ),
            "/metrics": lambda: (200, "text/plain; version=0.0.4", self._metrics_text()),
            "/receipt": lambda: (200, "application/json", msgspec.json.encode(self._watched.receipt())),
        }

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self: Self) -> None:
                answer = answers.get(self.path.partition("?")[0])
                status, content_type, body = answer() if answer else (404, "text/plain", b"not found\n")
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self: Self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler

    def _metrics_text(self) -> bytes:
        return self._metrics.prometheus().encode() if self._metrics else b""
