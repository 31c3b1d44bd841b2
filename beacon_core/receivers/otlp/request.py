"""One HTTP request as it arrives, and the checks that need no more of it than its head."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_to_bytes

from beacon_core.otlp import MEDIA_TYPES, PATHS, Encoding
from beacon_core.receivers.otlp.config import HttpOptions
from beacon_core.receivers.otlp.refusal import Refusal
from beacon_core.receivers.otlp.storing import Head

_ENCODINGS: dict[str, Encoding] = {name: encoding for encoding, name in MEDIA_TYPES.items()}
_CODINGS = {b"": False, b"identity": False, b"none": False, b"gzip": True, b"x-gzip": True}  # whether it is gzip

#: The headers that mean something here, in lower case.
HEADERS = frozenset({b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"expect"})


class Request:
    """A request on its way in, and its answer, which waits here until those before it have left.

    Attributes:
        url: as sent.
        headers: those of `HEADERS`; of a repeated one the last.
        method: once the head is complete, as `keep_alive`.
        keep_alive: the client will use the connection again.
        head: what the checks found; None for a request that was refused.
        pieces: the body as far as it has arrived; `size` bytes of it.
        complete: the body has arrived.
        cut_short: it never will.
        answer: all bytes of the answer, once it is known.
        unread: it is a refusal that leaves some of the body unread, so the connection ends with it.
    """

    __slots__ = (
        *("url", "headers", "method", "keep_alive", "head", "pieces", "size"),
        *("complete", "answer", "unread"),
    )

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.method = b""
        self.keep_alive = False
        self.head: Head | None = None
        self.pieces: list[bytes] = []
        self.size = 0
        self.complete = False
        self.answer: bytes | None = None
        self.unread = False

    @property
    def encoding(self) -> Encoding:
        """The encoding of the answer."""
        return self.head.encoding if self.head else "json"

    @property
    def expects_to_go_on(self) -> bool:
        """Whether the client waits for 100 (Continue) before it sends the body."""
        return self.headers.get(b"expect", b"").lower() == b"100-continue"

    def body(self) -> bytes:
        """Return the body and let go of its pieces."""
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def check(request: Request, options: HttpOptions) -> Head:
    """Return what the head of a request says.

    Raises:
        Refusal: it is refused before its body is read.
    """
    headers = request.headers
    length = headers.get(b"content-length", b"0")
    unread = length != b"0" or b"transfer-encoding" in headers
    path = _signal(request.url, options.url_path_prefix)
    if path is None:
        known = ", ".join(options.url_path_prefix + path for path in PATHS)
        raise Refusal("path", f"unknown path; OTLP/HTTP is at {known}", unread=unread)
    if request.method != b"POST":
        raise Refusal("method", "OTLP/HTTP knows POST only", (b"allow", b"POST"), unread=unread)
    encoding = _encoding(headers.get(b"content-type", b""))
    if encoding is None:
        raise Refusal("media_type", f"Content-Type must be {' or '.join(_ENCODINGS)}", unread=unread)
    gzip = _CODINGS.get(headers.get(b"content-encoding", b"").strip().lower())
    if gzip is None:
        accept = (b"accept-encoding", b"gzip, identity")
        raise Refusal("content_encoding", "Content-Encoding must be gzip or absent", accept, unread=unread)
    if int(length) > options.max_request_body_size:
        raise too_large(options)
    return Head(path, encoding, gzip)


@lru_cache(maxsize=64)  # nearly all requests have one of few
def _encoding(content_type: bytes) -> Encoding | None:
    return _ENCODINGS.get(content_type.decode("latin-1").partition(";")[0].strip().lower())


@lru_cache(maxsize=64)
def _signal(url: bytes, prefix: str) -> str | None:
    """Return which of `PATHS` a request target asks for below a prefix, None if it is something else."""
    whole = _path(url)
    path = whole.removeprefix(prefix).removesuffix("/")
    return path if path in PATHS and whole.startswith(prefix) else None


def too_large(options: HttpOptions) -> Refusal:
    """Return the refusal of a body that is larger than allowed."""
    return Refusal("too_large", f"the body is larger than {options.max_request_body_size} bytes", unread=True)


def _path(url: bytes) -> str:
    """Return the path of a request target: absolute (`/v1/logs?x`) or, as proxies are asked, a whole URL."""
    if not url.startswith(b"/"):
        url = b"/" + url.partition(b"://")[2].partition(b"/")[2]
    path = url.partition(b"?")[0].partition(b"#")[0]
    return (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
