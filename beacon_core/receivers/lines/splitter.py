"""Bytes in chunks of any size become lines, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator


class LineSplitter:
    """Cuts at newlines; a line over the limit is skipped up to its newline and shows as None.

    Never holds more than `max_line_bytes` and one chunk. A carriage return before the newline stays in the line: it is
    white space in JSON.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._tail = bytearray()  # of the line that has not ended; empty while an overlong one is skipped
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the lines that end in `chunk`, without their newlines."""
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            yield self._end_line(piece)
        self._keep(rest)

    def end(self) -> Iterator[bytes | None]:
        """Yield what is left when the input is at its end: a last line without a newline."""
        if self._tail or self._skipping:
            yield self._end_line(b"")

    def _keep(self, piece: bytes) -> None:
        if self._skipping or len(self._tail) + len(piece) > self._limit:
            self._skipping = True
            self._tail = bytearray()
        else:
            self._tail += piece

    def _end_line(self, piece: bytes) -> bytes | None:
        if not self._tail and not self._skipping:
            return piece if len(piece) <= self._limit else None
        self._keep(piece)
        line = None if self._skipping else bytes(self._tail)
        self._tail = bytearray()
        self._skipping = False
        return line
