"""Bytes in chunks of any size become lines, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator


class CutLine(bytes):
    """The beginning of a line that is longer than the limit; the rest of it was thrown away."""

    __slots__ = ()


class LineSplitter:
    """Cuts at newlines; of a line over the limit the beginning is kept, as a `CutLine`.

    Never holds more than `max_line_bytes` and one chunk. A carriage return before the newline stays in the line: it is
    white space in JSON.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._tail = bytearray()  # of the line that has not ended
        self._cut = False  # whether that line is over the limit

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that end in `chunk`, without their newlines."""
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            yield self._end_line(piece)
        self._keep(rest)

    def end(self) -> Iterator[bytes]:
        """Yield what is left when the input is at its end: a last line without a newline."""
        if self._tail or self._cut:
            yield self._end_line(b"")

    def _keep(self, piece: bytes) -> None:
        room = self._limit - len(self._tail)
        if len(piece) > room:
            self._cut = True
            piece = piece[:room]
        self._tail += piece

    def _end_line(self, piece: bytes) -> bytes:
        if not self._tail and not self._cut:
            return piece if len(piece) <= self._limit else CutLine(piece[: self._limit])
        self._keep(piece)
        line = CutLine(self._tail) if self._cut else bytes(self._tail)
        self._tail = bytearray()
        self._cut = False
        return line
