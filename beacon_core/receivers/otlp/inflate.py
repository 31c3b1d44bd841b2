"""Decompresses request bodies in steps, so that a small one cannot become a large one in memory."""

from __future__ import annotations

import zlib

from beacon_core.errors import InvalidDataError

#: A gzip body may have several members. More than this is an attack: each costs time and may hold nothing.
MAX_MEMBERS = 10_000

_GZIP = 31  # zlib's wbits: 32 KiB window, gzip header and trailer
_WINDOW = 64 * 1024  # what is fed at once: the rest of it is copied at the end of each member


class InflatedTooLargeError(InvalidDataError):
    """The decompressed body is larger than allowed."""


def gunzip(body: bytes, limit: int) -> bytes:
    """Return the content of a gzip body of one or more members.

    Raises:
        InflatedTooLargeError: the content is larger than `limit` bytes; no more than that was decompressed.
        InvalidDataError: the body is no gzip, is cut short, damaged, or followed by something else.
    """
    pieces: list[bytes] = []
    room = limit
    at = 0
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            fed = member.unconsumed_tail or body[at : at + _WINDOW]
            if not fed:
                raise InvalidDataError(f"the gzip body is cut short after {len(body)} bytes")
            if not member.unconsumed_tail:
                at += len(fed)
            piece = _inflate(member, fed, room + 1, at)
            room -= len(piece)
            if room < 0:
                raise InflatedTooLargeError(f"the decompressed body is larger than {limit} bytes")
            pieces.append(piece)
        at -= len(member.unused_data)
        if at == len(body):
            return b"".join(pieces)
    raise InvalidDataError(f"the gzip body has more than {MAX_MEMBERS} members")


def _inflate(member: zlib._Decompress, fed: bytes, most: int, at: int) -> bytes:
    try:
        return member.decompress(fed, most)
    except zlib.error:
        raise InvalidDataError(f"the gzip body is damaged, or followed by something else, before byte {at}") from None
