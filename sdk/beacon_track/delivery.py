"""One attempt to deliver events to a server, and what its answer means [T9]."""

from __future__ import annotations

import io
import os
import time

from beacon_track.settings import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from typing import Literal

    Verdict = Literal["delivered", "keep", "drop"]

_PATH = "/v1/logs"
_KEPT = frozenset((408, 429))


class Destination:
    """Where events go.

    Attributes:
        url: of the server, without `/v1/logs`.
        headers: may hold a token; shown nowhere.
    """

    __slots__ = ("headers", "url")

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.headers = dict(headers or {})

    def __repr__(self) -> str:
        return "Destination()"

    @property
    def direct(self) -> bool:
        """Whether the command itself asks it: plain HTTP to this machine, without name server, proxy and TLS."""
        return self.url.startswith("http://") and is_local(self.url)


class Answer:
    """What a server said.

    Attributes:
        status: of HTTP; 0 if there was no answer.
        retry_after: seconds to wait before the next attempt.
    """

    __slots__ = ("retry_after", "status")

    def __init__(self, status: int, retry_after: float = 0) -> None:
        self.status = status
        self.retry_after = retry_after

    @property
    def verdict(self) -> Verdict:
        """What becomes of the events: 2xx has them; 408, 429, 5xx, 3xx and silence keep them; other 4xx drop them."""
        if 200 <= self.status < 300:  # noqa: PLR2004 - HTTP's successes
            return "delivered"
        return "drop" if 400 <= self.status < 500 and self.status not in _KEPT else "keep"  # noqa: PLR2004 - its failures


def sidecar(environ: Mapping[str, str] = os.environ) -> Destination | None:
    """Return the collector that runs beside this command, if its environment names one that speaks HTTP [T8]."""
    own = environ.get("BEACON_ENDPOINT", "").strip()
    if own.startswith(("http://", "https://")):
        return Destination(own)
    url = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if url.startswith(("http://", "https://")) and protocol != "grpc":
        return Destination(url, _otel_headers(environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")))
    return None


def post(destination: Destination, body: bytes, seconds: float) -> Answer:
    """Send a request to a server on this machine and return its answer, after so many seconds at most; never raises."""
    import http.client

    ends = time.monotonic() + seconds
    host, _, base = destination.url.partition("://")[2].partition("/")
    connection = http.client.HTTPConnection(host, timeout=seconds)
    headers = {"Content-Type": "application/json", **destination.headers}
    try:
        connection.connect()
        _limit(connection.sock, ends)
        connection.request("POST", f"/{base}".rstrip("/") + _PATH, body, headers)
        response = http.client.HTTPResponse(_Limited(connection.sock, ends), method="POST")  # type: ignore[arg-type]
        response.begin()
        return Answer(response.status, retry_after(response.headers.get("Retry-After", "")))
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(0)
    finally:
        connection.close()


def retry_after(text: str) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3); 0 if it says nothing."""
    text = text.strip()
    if text.isdigit():
        return float(text)
    if not text:
        return 0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0


class _Limited(io.RawIOBase):
    """A socket to read from until a point in time, however slowly it trickles."""

    def __init__(self, link: socket.socket, ends: float) -> None:
        self._link = link
        self._ends = ends

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - as http.client calls it
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what BufferedReader hands over
        _limit(self._link, self._ends)
        return self._link.recv_into(buffer)


def _limit(link: socket.socket, ends: float) -> None:
    """Let the next operation of a socket take until a point in time.

    Raises:
        TimeoutError: that is over.
    """
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    link.settimeout(left)


def _otel_headers(text: str) -> dict[str, str]:
    """Return the headers of OpenTelemetry's variable: `name=value,name=value`, percent-encoded."""
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in text.split(","))
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs if name.strip() and value.strip()}
