"""The lines of a spool file become batches, always cut at the same places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from beacon_core.errors import InvalidDataError
from beacon_core.event import Batch, Event, content_id
from beacon_core.otlp import decode_request

#: Where batches are cut. No option: a file that is read a second time, after a crash between storing and deleting, has
#: to give the same batches, so that the queue recognizes them (promise P5). Most files are one batch.
MAX_EVENTS = 1000
MAX_BYTES = 1024 * 1024

#: Told the number of a line that cannot be read, counted from 1, the reason, and why in words.
Refuse = Callable[[int, str, str], None]


def read_batches(
    file: BinaryIO, max_line_bytes: int, received_unix_nano: int, refuse: Refuse
) -> Iterator[tuple[Batch, int]]:
    """Yield what the lines of a file hold, in order, and where in the file each batch ends.

    A line that is there twice counts once.

    A damaged line is told of and left out, also the last one of a file that was not written to its end.

    Raises:
        OSError: the file cannot be read further.
    """
    gathered: dict[str, tuple[Event, ...]] = {}
    count = size = 0
    for number, line in _lines(file, max_line_bytes):
        try:
            batch = _decode(line, max_line_bytes, received_unix_nano)
        except InvalidDataError as error:
            refuse(number, "line_too_long" if line is None else "malformed_line", str(error))
            continue
        gathered[batch.id] = batch.events
        count, size = count + len(batch), size + len(line or b"")
        if count >= MAX_EVENTS or size >= MAX_BYTES:
            yield _joined(gathered), file.tell()
            gathered, count, size = {}, 0, 0
    if gathered:
        yield _joined(gathered), file.tell()


def _lines(file: BinaryIO, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines that are not blank, with their numbers; None for one that is too long."""
    number = 0
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit and not line.endswith(b"\n"):
            _skip(file, limit)
            yield number, None
        elif not line.isspace():
            yield number, line


def _skip(file: BinaryIO, limit: int) -> None:
    while (rest := file.readline(limit)) and not rest.endswith(b"\n"):
        pass


def _decode(line: bytes | None, limit: int, received_unix_nano: int) -> Batch:
    if line is None:
        raise InvalidDataError(f"longer than max_line_bytes ({limit:d})")
    batch = decode_request("/v1/logs", line, encoding="json", received_unix_nano=received_unix_nano).batch
    if not len(batch):
        raise InvalidDataError("no log record in it; a line is an OTLP request, an object with resourceLogs")
    return batch


def _joined(gathered: dict[str, tuple[Event, ...]]) -> Batch:
    """Return one batch of several; its events keep their ids, which come from their own lines."""
    events = tuple(event for events in gathered.values() for event in events)
    return Batch(content_id(*(name.encode() for name in gathered)), events)
