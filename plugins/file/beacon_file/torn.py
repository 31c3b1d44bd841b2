"""What a crash leaves at the end of a file: half a line, and lines that come again because nobody heard of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import msgspec

#: How lines of ours begin, those of `otlp_json` with any of the last three.
_BEGINNINGS = (b'{"id":"', b'{"resourceLogs":', b'{"resourceMetrics":', b'{"resourceSpans":')

#: Bytes of a file that are looked at, from its end; no line of ours is longer.
TAIL = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file.

    Attributes:
        open_line: its last line has no end and is somebody else's: it is left alone, and ended before the next one.
        cut: half a line of ours was removed; its events are still queued and come again.
        lines: what the whole lines hash to.
    """

    open_line: bool = False
    cut: bool = False
    lines: frozenset[int] = frozenset()


NOTHING = Tail()


def ends_within_a_line(descriptor: int) -> bool:
    """Whether a file has a last byte, and that is no line break."""
    if os.fstat(descriptor).st_size == 0:
        return False
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) != b"\n"


def mend(descriptor: int, *, remember: bool = False) -> Tail:
    """Remove half a line of ours from the end of a file, left by a kill in the middle of a write.

    Args:
        descriptor: the file, open for reading and writing. No other process may be writing to it.
        remember: say which lines there are, too.

    Raises:
        OSError: it could not be read or cut.
    """
    if not remember and not ends_within_a_line(descriptor):
        return NOTHING
    size = os.fstat(descriptor).st_size
    start = max(0, size - TAIL)
    os.lseek(descriptor, start, os.SEEK_SET)
    tail = _read_all(descriptor, size - start)
    begin = tail.rfind(b"\n") + 1
    line = tail[begin:]
    removed = _is_half(line) and (begin > 0 or start == 0)
    if removed:
        os.ftruncate(descriptor, start + begin)
    lines = frozenset(map(hash, tail[:begin].split(b"\n"))) if remember else frozenset()
    return Tail(bool(line) and not removed, removed, lines)


def _is_half(line: bytes) -> bool:
    """Whether a line without an end is the beginning of one of ours."""
    ours = any(line.startswith(each) or each.startswith(line) for each in _BEGINNINGS)
    return bool(line) and ours and not _is_json(line)


def _read_all(descriptor: int, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True
