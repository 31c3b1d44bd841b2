"""Whole HTTP answers, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

from beacon_core.otlp import MEDIA_TYPES, Encoding, encode_status, encode_success
from beacon_core.receivers.otlp.refusal import STATUS, Refusal

#: Says to a client that waits for it that its body is wanted (RFC 9110, 10.1.1).
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


@lru_cache(maxsize=64)  # nearly all answers are one of few
def success(path: str, encoding: Encoding, warning: str, *, close: bool) -> bytes:
    """Return the answer to a request that is stored; with `close` the connection ends with it."""
    return _answer(200, encoding, encode_success(path, encoding, warning), close=close)


def refused(refusal: Refusal, encoding: Encoding, *, close: bool, bare: bool = False) -> bytes:
    """Return the answer to a request that is not accepted; `bare` leaves the body out, as for HEAD."""
    status, code = STATUS[refusal.reason]
    body = encode_status(encoding, code, refusal.message)
    return _answer(status, encoding, body, refusal.headers, close=close, bare=bare)


def _answer(
    status: int,
    encoding: Encoding,
    body: bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    close: bool,
    bare: bool = False,
) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
        b"content-type: " + MEDIA_TYPES[encoding].encode(),
        b"content-length: %d" % len(body),
        *(b": ".join(header) for header in headers),
        *([b"connection: close"] if close else []),
    ]
    return b"\r\n".join([*lines, b"", b"" if bare else body])
