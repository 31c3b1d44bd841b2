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


def encode_status(encoding: Literal["protobuf", "json"], code: int, message: str) -> bytes:
    """Return a google.rpc.Status; `code` is a gRPC status code (0 to 16), which clients do not act on."""
    message = message[:MAX_TEXT]
    if encoding == "json":
        return msgspec.json.encode({"code": code, "message": message})
    return b"\x08" + _varint(code) + _field(2, message.encode())


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
