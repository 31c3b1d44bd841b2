"""One line of a `runtime.jsonl`: what a report needs of it, and careful ways to read its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

#: Attributes of a line: any JSON value, of which nothing may be taken for granted.
JsonMap = dict[str, Any]

_LARGEST = 2**63 - 1
#: Unix nanoseconds.
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
_NOTHING = msgspec.Raw()


class Point(msgspec.Struct, gc=False):
    """What a report needs of a metric's data point."""

    kind: str = ""
    temporality: str = ""
    start_time_unix_nano: Time = 0
    value: int | float | None = None
    sum: float | None = None


class SpanEnd(msgspec.Struct, gc=False):
    """What a report needs of a span."""

    end_time_unix_nano: Time = 0


class Record(msgspec.Struct, gc=False):
    """An event as the file exporter writes it, `docs/reference/events.md`; other members are passed over.

    `resource` and `scope` stay JSON: they are the same on most lines, and read once.
    """

    id: str
    signal: Literal["log", "metric", "span"]
    name: str
    time_unix_nano: Time
    attributes: JsonMap = {}
    resource: msgspec.Raw = _NOTHING
    scope: msgspec.Raw = _NOTHING
    metric: Point | None = None
    span: SpanEnd | None = None

    @property
    def end_unix_nano(self) -> int:
        """When it ended: of a span its end, else its time."""
        return max(self.time_unix_nano, self.span.end_time_unix_nano) if self.span else self.time_unix_nano

    @property
    def action(self) -> str:
        """What happened, in canonical words; the name where the event was not made canonical."""
        return text(self.attributes, "beacon.event.action") or self.name


_decoder = msgspec.json.Decoder(Record)


def decode(line: bytes) -> Record | None:
    """Return a line's record, None if it is none."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def text(attributes: Mapping[str, Any], name: str) -> str:
    """Return an attribute that should be a text; empty if it is none."""
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def whole(attributes: Mapping[str, Any], name: str) -> int | None:
    """Return an attribute that should be a number from 0 on, without decimals; None if it is not."""
    value = attributes.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None


def amount(value: object) -> Decimal | None:
    """Return a number from 0 on, in the decimals that it was written with; None if `value` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(repr(value)) if 0 <= value <= _LARGEST else None


def counts(value: object) -> dict[str, int]:
    """Return a map of texts to numbers, such as the summary of `sanitize`; what is not one is left out."""
    if not isinstance(value, dict):
        return {}
    return {name: number for name in value if (number := whole(value, name))}
