"""Finds runs of characters that may be base64, and says what they stand for, wherever in them it begins."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterator

#: Characters of a run, at least: a secret of 15.
SHORTEST_RUN = 20

_SHIFTS = 4  # characters of base64 that three bytes take
_RUN = b"x" * SHORTEST_RUN
_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_CLASSES = bytes(ord("x") if byte in _CHARACTERS else ord(" ") for byte in range(256))
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITE = b"\t\r\n\f\x1b"
_READABLE = bytes(range(0x20, 0x7F)) + _WHITE


def runs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield runs that may be base64, and where they begin: long enough for a secret, and with letters of both cases.

    Hashes, ids and words have letters of one case.
    """
    classes = data.translate(_CLASSES) + b" "
    start = classes.find(_RUN)
    while start >= 0:
        end = classes.find(b" ", start)
        run = data[start:end]
        if may_be_base64(run):
            yield start, run
        start = classes.find(_RUN, end)


def may_be_base64(run: bytes) -> bool:
    """Say if a run has letters of both cases, or none at all."""
    return not (run.islower() or run.isupper())


def decode(run: bytes) -> list[bytes]:
    """Return what a run stands for if it begins at each of its first four characters.

    A last character that is too many is left out.
    """
    coded = run.translate(_TO_STANDARD)
    pieces = [coded[shift : len(coded) - ((len(coded) - shift) % _SHIFTS == 1)] for shift in range(_SHIFTS)]
    return [a2b_base64(piece + b"=" * (-len(piece) % _SHIFTS)) for piece in pieces]


def is_readable(data: bytes) -> bool:
    """Say if bytes are text that can be read: ASCII with white space and colours."""
    return not data.translate(None, _READABLE)
