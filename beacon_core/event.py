"""What flows through a pipeline: events, in batches, and their two encodings.

An event is one telemetry record: a log record, one data point of a metric, or a span. The names are OpenTelemetry's
(opentelemetry-proto 1.x; field by field in logs.proto, metrics.proto and trace.proto). Events are immutable; a
processor replaces `attributes`, it never mutates the dict: `resource` and nested values are shared between events.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

Signal: TypeAlias = Literal["log", "metric", "span"]
if TYPE_CHECKING:
    AttributeValue: TypeAlias = (
        str | bool | int | float | bytes | list[AttributeValue] | dict[str, AttributeValue] | None  # noqa: F821 - recursive
    )
else:
    AttributeValue: TypeAlias = Any  # msgspec reads annotations at run time and knows no recursive aliases

Attributes: TypeAlias = dict[str, AttributeValue]


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of the records below: immutable, without reference cycles, members without a value left out."""


class Scope(_Record, frozen=True, kw_only=True):
    """The instrumentation scope that made an event."""

    name: str = ""
    version: str = ""
    attributes: Attributes = {}
    schema_url: str = ""


class Buckets(_Record, frozen=True, kw_only=True):
    """One side of an exponential histogram: `counts[i]` belongs to the bucket with index `offset + i`."""

    offset: int = 0
    counts: list[int] = []


class Quantile(_Record, frozen=True, kw_only=True):
    """A quantile of a summary, between 0 and 1, and its value."""

    quantile: float
    value: float


class Exemplar(_Record, frozen=True, kw_only=True):
    """A measurement that stands for a data point."""

    time_unix_nano: int = 0
    value: int | float | None = None
    trace_id: str = ""
    span_id: str = ""
    attributes: Attributes = {}


class Metric(_Record, frozen=True, kw_only=True):
    """What a data point measured; the event's name is the metric's, the event's attributes are the point's.

    `value` is set for gauges and sums, `count` and `sum` for the other kinds. Bucket counts are per bucket, not
    cumulative. Times are Unix nanoseconds, 0 if unknown.
    """

    kind: Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
    unit: str = ""
    description: str = ""
    temporality: Literal["unspecified", "delta", "cumulative"] = "unspecified"
    monotonic: bool = False
    start_time_unix_nano: int = 0
    flags: int = 0
    value: int | float | None = None
    count: int | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bucket_counts: list[int] = []
    explicit_bounds: list[float] = []
    scale: int | None = None
    zero_count: int | None = None
    zero_threshold: float = 0.0
    positive: Buckets | None = None
    negative: Buckets | None = None
    quantiles: list[Quantile] = []
    exemplars: list[Exemplar] = []


class SpanEvent(_Record, frozen=True, kw_only=True):
    """Something that happened during a span."""

    name: str = ""
    time_unix_nano: int = 0
    attributes: Attributes = {}
    dropped_attributes_count: int = 0


class SpanLink(_Record, frozen=True, kw_only=True):
    """A span that belongs to another span without being its child."""

    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    attributes: Attributes = {}
    dropped_attributes_count: int = 0
    flags: int = 0


class Span(_Record, frozen=True, kw_only=True):
    """What a span has beside an event's name, ids and attributes. The event's time is the span's start."""

    parent_span_id: str = ""
    trace_state: str = ""
    kind: Literal["unspecified", "internal", "server", "client", "producer", "consumer"] = "unspecified"
    end_time_unix_nano: int = 0
    status_code: Literal["unset", "ok", "error"] = "unset"
    status_message: str = ""
    events: list[SpanEvent] = []
    links: list[SpanLink] = []
    dropped_events_count: int = 0
    dropped_links_count: int = 0


class Event(_Record, frozen=True, kw_only=True):
    """One telemetry record.

    Attributes:
        id: stable over retries: the id of the batch it was received in, a dash, its position there from 0.
        signal: log, metric (one data point) or span.
        name: a log record's event name (may be empty), the metric's name, the span's name.
        time_unix_nano: when it happened; of a span the start; never 0, the time of receipt stands in.
        attributes: its own attributes.
        resource: the attributes of what produced it, shared with other events: replace, never mutate.
        body: a log record's body, of any type.
        trace_id: 32 lower-case hex digits, or empty.
        span_id: 16 lower-case hex digits, or empty.
        flags: W3C trace flags and OpenTelemetry's flag bits above them.
        metric: set for metrics only.
        span: set for spans only.
    """

    id: str
    signal: Signal
    name: str
    time_unix_nano: int
    observed_time_unix_nano: int = 0
    severity_text: str = ""
    severity_number: int = 0
    body: AttributeValue = None
    attributes: Attributes = {}
    resource: Attributes = {}
    scope: Scope | None = None
    trace_id: str = ""
    span_id: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0
    metric: Metric | None = None
    span: Span | None = None


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Events that travel together; iterable, with a length.

    Attributes:
        id: from the content it was made of, so that the same request sent again has the same id (promise P5).
        events: in the order of arrival.
    """

    id: str
    events: tuple[Event, ...]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def with_events(self, events: Sequence[Event]) -> Batch:
        """Return a batch with the same id and other events."""
        return Batch(self.id, tuple(events))


def content_id(*parts: bytes) -> str:
    """Return the id of a batch made of `parts`: 32 hex digits of a SHA-256 over lengths and contents."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:32]


# ---- the queue's encoding: compact, resources and scopes once for each run of events that share them ----

_NO_ATTRIBUTES: Attributes = {}


class _StoredBatch(msgspec.Struct, array_like=True, gc=False):
    id: str
    runs: list[tuple[Attributes, Scope | None, int]]  # resource, scope, how many events in a row share them
    events: list[Event]


_to_msgpack = msgspec.msgpack.Encoder()
_from_msgpack = msgspec.msgpack.Decoder(_StoredBatch)


def encode_batch(batch: Batch) -> bytes:
    """Return the batch as MessagePack, as queues store it. Any thread."""
    runs: list[tuple[Attributes, Scope | None, int]] = []
    resource: Attributes | None = None
    scope: Scope | None = None
    for event in batch.events:
        if event.resource is resource and event.scope is scope:
            runs[-1] = (runs[-1][0], scope, runs[-1][2] + 1)
        else:
            resource, scope = event.resource, event.scope
            runs.append((resource, scope, 1))
    replace = msgspec.structs.replace
    bare = [replace(event, resource=_NO_ATTRIBUTES, scope=None) for event in batch.events]
    return _to_msgpack.encode(_StoredBatch(batch.id, runs, bare))


def decode_batch(data: bytes) -> Batch:
    """Return the batch that `encode_batch` made `data` of. Any thread.

    Raises:
        msgspec.DecodeError: if `data` is damaged.
    """
    stored = _from_msgpack.decode(data)
    events = iter(stored.events)
    put = msgspec.structs.force_setattr  # the events are new and nobody else has seen them yet
    for resource, scope, count in stored.runs:
        for _, event in zip(range(count), events, strict=False):
            put(event, "resource", resource)
            put(event, "scope", scope)
    return Batch(stored.id, tuple(stored.events))


# ---- JSON lines: what people and programs read ----


def _line_field(field: msgspec.structs.FieldInfo) -> tuple[str, type] | tuple[str, type, Any]:
    if field.required:
        return (field.name, field.type)
    factory = field.default_factory
    return (
        field.name,
        field.type,
        field.default if factory is msgspec.NODEFAULT else msgspec.field(default_factory=factory),
    )


_event_fields = [_line_field(field) for field in msgspec.structs.fields(Event)]
_Line = msgspec.defstruct(  # an Event with its time in words as the fourth member
    "_Line",
    [*_event_fields[:3], ("time", str), *_event_fields[3:]],
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
)
_to_json = msgspec.json.Encoder()
_from_json = msgspec.json.Decoder(Event)


def encode_lines(events: Iterable[Event]) -> bytes:
    """Return a batch, or any events, as JSON lines, one event a line; what the file exporter writes. Any thread."""
    as_dict = msgspec.structs.asdict
    return _to_json.encode_lines([_Line(time=rfc3339(event.time_unix_nano), **as_dict(event)) for event in events])


def decode_line(line: bytes) -> Event:
    """Return the event of one line that `encode_lines` wrote; members that an event does not have are ignored.

    Raises:
        msgspec.DecodeError: if `line` is not such a line.
    """
    return _from_json.decode(line)


# ---- time ----


def rfc3339(time_unix_nano: int) -> str:
    """Return a time as RFC 3339 in UTC: three decimals when it is a whole millisecond, else nine."""
    seconds, nanos = divmod(time_unix_nano, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos // 1_000_000:03d}Z" if nanos % 1_000_000 == 0 else f"{text}.{nanos:09d}Z"


_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?([Zz]|[+-]\d\d:?\d\d)?")


def parse_rfc3339(text: str) -> int | None:
    """Return Unix nanoseconds of an RFC 3339 time (UTC where no offset is given), None if `text` is none."""
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{'+00:00' if zone in (None, 'Z', 'z') else zone}")
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))
