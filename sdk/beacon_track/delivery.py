"""One attempt to deliver events to a server, and what its answer means [T9]."""

from __future__ import annotations

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
_HTTP = 80
_LONGEST_HEAD = 65_536


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
    """Send a request to a server on this machine and return its answer, after so many seconds at most; never raises.

    It is made by hand: `http.client` takes longer to import than the server to answer, and has no limit for the whole.
    """
    import socket

    ends = time.monotonic() + seconds
    host, port, base = _parts(destination.url)
    headers = {
        "Host": host if port == _HTTP else f"{host}:{port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **destination.headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        with socket.create_connection((host.strip("[]"), port), seconds) as link:
            _limit(link, ends)
            link.sendall(f"POST {base}{_PATH} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
            return _read_answer(link, ends)
    except (OSError, ValueError):
        return Answer(0)


def _parts(url: str) -> tuple[str, int, str]:
    """Return host, port and path of a URL; a port that is none is 0, where nobody listens."""
    address, slash, path = url.partition("://")[2].partition("/")
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        return address, _HTTP, slash + path
    return host, int(port) if port.isdigit() and len(port) < 6 else 0, slash + path  # noqa: PLR2004 - digits of a port


def _read_answer(link: socket.socket, ends: float) -> Answer:
    """Read the head of an answer.

    Raises:
        ValueError: it is none.
    """
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        _limit(link, ends)
        piece = link.recv(8192)
        if not piece:
            break
        head += piece
    lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value for name, _, value in (line.partition(":") for line in lines[1:])}
    protocol, _, status = lines[0].partition(" ")
    if not protocol.startswith("HTTP/1."):
        raise ValueError("no HTTP")
    return Answer(int(status[:3]), retry_after(headers.get("retry-after", "")))


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
    decoded = ((unquote(name.strip()), unquote(value.strip())) for name, _, value in pairs)
    return {name: value for name, value in decoded if name and value and f"{name}{value}".isprintable()}
