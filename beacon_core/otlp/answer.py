"""The bodies of OTLP answers, in protobuf or JSON.

They are two tiny messages, written by hand: google.rpc.Status comes with no package that Beacon depends on, and a
server that refuses a request does not have to load protobuf for it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

#: A text in an answer is cut here; an answer has to stay far below 4 MiB (OTLP specification, "response size").
MAX_TEXT = 4096

_REJECTED = {
    "/v1/logs": "rejectedLogRecords",
    "/v1/metrics": "rejectedDataPoints",
    "/v1/traces": "rejectedSpans",
}


def encode_success(path: str, encoding: Literal["protobuf", "json"], warning: str = "") -> bytes:
    """Return an Export*ServiceResponse: everything was accepted, perhaps with a warning for the sender's developer."""
    warning = warning[:MAX_TEXT]
    if encoding == "protobuf":
        return _field(1, _field(2, warning.encode())) if warning else b""
    if not warning:
        return b"{}"
    return msgspec.json.encode({"partialSuccess": {_REJECTED[path]: "0", "errorMessage": warning}})


def encode_status(
    encoding: Literal["protobuf", "json"], code: int, message: str, *, retry_delay: int | None = None
) -> bytes:
    """Return a google.rpc.Status.

    Args:
        encoding: what it is written in.
        code: a gRPC status code (0 to 16); clients of OTLP/HTTP do not act on it.
        message: for developers; cut to `MAX_TEXT` characters.
        retry_delay: seconds after which to try again, as google.rpc.RetryInfo in the details; in protobuf only.
    """
    message = message[:MAX_TEXT]
    if encoding == "json":
        return msgspec.json.encode({"code": code, "message": message})
    details = b"" if retry_delay is None else _field(3, _retry_info(retry_delay))
    return b"\x08" + _varint(code) + _field(2, message.encode()) + details


def _retry_info(seconds: int) -> bytes:
    """Return a google.protobuf.Any with a google.rpc.RetryInfo, whose only field is a Duration."""
    duration = b"\x08" + _varint(seconds)
    return _field(1, b"type.googleapis.com/google.rpc.RetryInfo") + _field(2, _field(1, duration))


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited protobuf field (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number >> 7:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
