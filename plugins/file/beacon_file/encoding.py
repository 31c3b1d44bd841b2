"""Events as lines, and what is said of those that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from beacon_core import BatchTooLargeError, Event, PermanentError, encode_lines, encode_otlp_json

Format: TypeAlias = Literal["jsonl", "otlp_json"]

#: Bytes of a line of `otlp_json` with several events at most: a Collector's receiver takes no more (`max_log_size`).
SHARED_LINE = 1024 * 1024

_UNWRITABLE = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)


@dataclass(slots=True)
class Lines:
    """Events as lines.

    Attributes:
        data: the lines, each with its end.
        failed: why an event is not among them, by its id.
    """

    data: bytes = b""
    failed: dict[str, Exception] = field(default_factory=dict)


def encode(events: Sequence[Event], line_format: Format, longest: int) -> Lines:
    """Return events as lines of at most `longest` bytes. Any thread."""
    done = Lines()
    done.data = b"".join(_pieces(events, _FORMATS[line_format], line_format, longest, done.failed))
    return done


def _pieces(
    events: Sequence[Event],
    write: Callable[[Sequence[Event]], bytes],
    line_format: Format,
    longest: int,
    failed: dict[str, Exception],
) -> Iterator[bytes]:
    """Yield events as lines; where that fails, halves, until the event that is to blame stands alone."""
    alone = len(events) == 1
    most = min(longest, SHARED_LINE) if line_format == "otlp_json" and not alone else longest
    try:
        data = write(events)
    except _UNWRITABLE as error:
        if alone:  # the error's text may hold a piece of the event
            failed[events[0].id] = PermanentError(f"cannot be written as {line_format}: {type(error).__name__}")
            return
    else:
        length = _longest_line(data) if len(data) > most else 0
        if length <= most:
            yield data
            return
        if alone:
            failed[events[0].id] = BatchTooLargeError(f"a line of {length} bytes; max_line_bytes is {longest}")
            return
    middle = len(events) // 2
    for half in (events[:middle], events[middle:]):
        yield from _pieces(half, write, line_format, longest, failed)


def _longest_line(data: bytes) -> int:
    return max(map(len, data.split(b"\n")))


def _otlp_json(events: Sequence[Event]) -> bytes:
    return b"".join(request + b"\n" for request in encode_otlp_json(events))


_FORMATS: dict[Format, Callable[[Sequence[Event]], bytes]] = {"jsonl": encode_lines, "otlp_json": _otlp_json}
