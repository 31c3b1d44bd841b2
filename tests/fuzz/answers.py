"""Reads what a server says to a hostile client, and says what is wrong with it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tests.fuzz.cases import Case
from tests.fuzz.corpus import JSON, PROTOBUF

#: The answers that say what was wrong with a request; and 100, which asks for the rest of it.
SPECIFIC = frozenset({200, 400, 404, 405, 408, 413, 415, 431})
_CONTINUE = 100
_WATCHDOG = 30.0  # seconds


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    kind: str
    body: bytes


class BadAnswerError(Exception):
    """Something that is no HTTP answer."""


def exchange(address: tuple[str, int], case: Case) -> bytes | None:
    """Send a case over a new connection and return all that comes back; None if the client does not wait for it.

    Raises:
        TimeoutError: the server neither answers nor closes.
    """
    with socket.create_connection(address, timeout=_WATCHDOG) as link:
        if case.end == "reset":
            link.sendall(case.raw)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        with suppress(OSError):  # it may have refused already, before the end of what was sent
            link.sendall(case.raw)
            if case.end == "half":
                link.shutdown(socket.SHUT_WR)
        return _read_to_the_end(link)


def _read_to_the_end(link: socket.socket) -> bytes:
    pieces = []
    with suppress(ConnectionResetError):  # it closed while something of ours was unread
        while piece := link.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def parse(data: bytes, *, bodiless: bool = False) -> list[Answer]:
    """Return the final answers in `data`.

    Args:
        data: all that a server sent.
        bodiless: there was a HEAD among the requests, so that an answer may have no body where it says how long it is.

    Raises:
        BadAnswerError: that is not what stands there.
    """
    answers = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not blank or version != "HTTP/1.1" or not rest[:3].isdigit():
            raise BadAnswerError(f"not an HTTP answer: {head[:100]!r}")
        if int(rest[:3]) == _CONTINUE:
            continue
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        if bodiless and (not data or data.startswith(b"HTTP/1.1 ")):
            length = 0
        body, data = data[:length], data[length:]
        if len(body) < length:
            raise BadAnswerError(f"an answer that ends after {len(body)} of {length} bytes")
        answers.append(Answer(int(rest[:3]), headers.get("content-type", ""), body))
    return answers


def faults(case: Case, answers: Sequence[Answer]) -> list[str]:
    """Return what is wrong with the answers to a case."""
    found = [fault for answer in answers for fault in _faults_of(answer)]
    if case.well_formed and len(answers) != 1:
        found.append(f"{len(answers)} answers to one request")
    if not answers and b"\r\n\r\n" in case.raw.lstrip(b"\r\n"):
        found.append("no answer to a request with a whole head")
    return found


def _faults_of(answer: Answer) -> list[str]:
    if answer.status not in SPECIFIC:
        return [f"answered with {answer.status}: {answer.body[:200]!r}"]
    if answer.status == 200 or not answer.body:  # the answer to HEAD has none
        return []
    if answer.kind == JSON:
        content = json.loads(answer.body)
        good = set(content) == {"code", "message"} and content["message"] and type(content["code"]) is int
    elif answer.kind == PROTOBUF:
        try:
            good = bool(Status.FromString(answer.body).message)
        except DecodeError:
            good = False
    else:
        return [f"the content type of an answer is {answer.kind!r}"]
    return [] if good else [f"an answer without a message: {answer.body[:200]!r}"]
