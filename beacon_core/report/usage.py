"""Tokens and cost, as the agents report them: the same usage comes from several sources, one of which counts.

The rules are those of `docs/reference/canonical-names.md`, Usage: the five kinds of tokens are disjoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal

import msgspec

from beacon_core.report.bounded import bounded
from beacon_core.report.record import Record, amount, text, whole

#: Costs of two sources that differ by less are the same: a client adds in floating point.
_MICRO = Decimal("0.000001")  # dollars
_MOST_SOURCES, _MOST_MODELS, _MOST_SERIES = 16, 64, 1024

#: Metric -> whether its `input` has cached tokens in it, and its `output` reasoning. Others: as OpenTelemetry counts.
_INCLUSIVE = {
    "claude_code.token.usage": (False, False),
    "gemini_cli.token.usage": (True, False),
}
_AS_OPENTELEMETRY = (True, True)
_USAGE = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "beacon.usage.uncached_input_tokens",
    "beacon.usage.cost_usd",
)


@dataclass(slots=True)
class Tokens:
    """Numbers of tokens. No token is in two of them, together they are all.

    Attributes:
        uncached_input: input that no cache had to do with.
        cache_read: input that was read from a cache.
        cache_creation: input that was written to a cache.
        output: output without reasoning.
        reasoning: output that was reasoning.
    """

    uncached_input: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        """All input."""
        return self.uncached_input + self.cache_read + self.cache_creation

    @property
    def all_output(self) -> int:
        """All output."""
        return self.output + self.reasoning

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.all_output

    def add(self, other: Tokens) -> None:
        """Add another one's numbers."""
        for name in TOKEN_KINDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


#: The kinds of tokens, in the order in which reports have them.
TOKEN_KINDS = tuple(kind.name for kind in fields(Tokens))


@dataclass(slots=True)
class Usage:
    """What was used.

    Attributes:
        requests: how many requests to a model.
        tokens: their tokens.
        cost_usd: what the agent says that they cost, exactly added; None if it says nothing.
        duration_ms: how long they took together.
    """

    requests: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: Decimal | None = None
    duration_ms: int = 0

    def add(self, other: Usage) -> None:
        """Add another one's numbers."""
        self.requests += other.requests
        self.tokens.add(other.tokens)
        self.duration_ms += other.duration_ms
        if other.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal()) + other.cost_usd


@dataclass(slots=True)
class Source:
    """What one kind of event says about the usage of a session.

    Attributes:
        name: the event, metric or span.
        signal: log, metric or span.
        counted: whether sums have it.
        closing: whether it came with the end of the session, as the result lines on standard output do.
        models: usage by model.
    """

    name: str
    signal: str
    counted: bool
    closing: bool
    models: dict[str, Usage] = field(default_factory=dict)

    def total(self) -> Usage:
        """Return the usage of all models."""
        return added(self.models.values())


def added(usages: Iterable[Usage]) -> Usage:
    """Return the sum."""
    total = Usage()
    for usage in usages:
        total.add(usage)
    return total


class Sources:
    """The usage of one session, source by source."""

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str, bool, bool], Source] = {}
        self._models: set[str] = set()
        self._cumulative = Cumulative()

    def add(self, record: Record) -> Usage | None:
        """Take what a record says about usage; return it if it counts."""
        usage = self._of_point(record) if record.signal == "metric" else _of_request(record)
        if usage is None:
            return None
        counted = record.attributes.get("beacon.usage.counted") is True
        closing = record.action == "session.completed"
        if closing:  # it tells of all requests, not how many they were
            usage.requests = usage.duration_ms = 0
        name = text(record.attributes, "beacon.usage.source") or record.name
        self._model(name, record.signal, counted=counted, closing=closing, model=model_of(record)).add(usage)
        return usage if counted else None

    def take(self, others: Sources) -> None:
        """Take what other sources say, too."""
        for source in others.all():
            for model, usage in source.models.items():
                self._model(
                    source.name, source.signal, counted=source.counted, closing=source.closing, model=model
                ).add(usage)

    def all(self) -> list[Source]:
        """Return every source, those that count first."""
        return sorted(self._sources.values(), key=lambda source: (not source.counted, source.name, source.signal))

    def settle(self) -> None:
        """Where no source counts, let that count which came with the end of the session. Call it when all is read."""
        if not any(source.counted for source in self._sources.values()):
            for source in self._sources.values():
                source.counted = source.closing

    def differing(self) -> Iterator[Source]:
        """Yield the sources that say something else than those that count."""
        counted = added(usage for source in self.all() if source.counted for usage in source.models.values())
        yield from (source for source in self.all() if not source.counted and not _agrees(counted, source.total()))

    def _model(self, name: str, signal: str, *, counted: bool, closing: bool, model: str) -> Usage:
        key = (name, signal, counted, closing)
        source = self._sources.get(key)
        if source is None:
            name = bounded(name, {known[0] for known in self._sources}, _MOST_SOURCES)
            key = (name, *key[1:])
            source = self._sources.setdefault(key, Source(*key))
        model = bounded(model, self._models, _MOST_MODELS)
        self._models.add(model)
        return source.models.setdefault(model, Usage())

    def _of_point(self, record: Record) -> Usage | None:
        action, point = record.action, record.metric
        if point is None or action not in {"token.usage", "cost.usage"}:
            return None
        value = amount(point.sum if point.value is None else point.value)
        if value is None:
            return None
        if point.temporality == "cumulative":
            value = self._cumulative.increase(record, value)
        if action == "cost.usage":
            return Usage(cost_usd=value)
        return Usage(tokens=_of_type(record.name, text(record.attributes, "gen_ai.token.type"), int(value)))


class Cumulative:
    """Turns points that count from a start into what came since the point before (agents' metrics, both kinds)."""

    def __init__(self) -> None:
        self._last: dict[bytes, tuple[int, Decimal]] = {}

    def increase(self, record: Record, value: Decimal) -> Decimal:
        """Return what came since the point before; a smaller value or another start is a new beginning."""
        assert record.metric is not None  # noqa: S101 - for mypy: only points get here
        start = record.metric.start_time_unix_nano
        series = b"\0".join(
            (bytes(record.resource), record.name.encode(), msgspec.json.encode(record.attributes, order="sorted"))
        )
        known, last = self._last.pop(series, (start, Decimal()))
        if len(self._last) >= _MOST_SERIES:
            del self._last[next(iter(self._last))]
        self._last[series] = (start, value)
        return value - last if known == start and value >= last else value


def model_of(record: Record) -> str:
    """Return the model that a record is about: the one that was asked for, as the agent calls it."""
    return text(record.attributes, "gen_ai.request.model") or text(record.attributes, "gen_ai.response.model")


def _of_request(record: Record) -> Usage | None:
    """Return the usage of a log record or span, None if it has none."""
    attributes = record.attributes
    if not any(name in attributes for name in _USAGE):
        return None
    read = whole(attributes, "gen_ai.usage.cache_read.input_tokens") or 0
    created = whole(attributes, "gen_ai.usage.cache_creation.input_tokens") or 0
    uncached = whole(attributes, "beacon.usage.uncached_input_tokens")
    if uncached is None:
        uncached = max(0, (whole(attributes, "gen_ai.usage.input_tokens") or 0) - read - created)
    reasoning = whole(attributes, "gen_ai.usage.reasoning.output_tokens") or 0
    output = max(0, (whole(attributes, "gen_ai.usage.output_tokens") or 0) - reasoning)
    return Usage(
        requests=1,
        tokens=Tokens(uncached, read, created, output, reasoning),
        cost_usd=amount(attributes.get("beacon.usage.cost_usd")),
        duration_ms=whole(attributes, "beacon.duration_ms") or 0,
    )


def _of_type(metric: str, kind: str, number: int) -> Tokens:
    """Return the tokens of one data point. What its metric has twice becomes 0 in the sum over all kinds.

    A metric whose input holds the cached tokens, too, has them as points of their own: they are taken off its input.
    """
    cached_in_input, reasoning_in_output = _INCLUSIVE.get(metric, _AS_OPENTELEMETRY)
    if kind in {"cache_read", "cache_creation"}:
        return Tokens(uncached_input=-number if cached_in_input else 0, **{kind: number})
    if kind == "reasoning":
        return Tokens(output=-number if reasoning_in_output else 0, reasoning=number)
    if kind == "output":
        return Tokens(output=number)
    return Tokens(uncached_input=number if kind in {"input", "tool"} else 0)


def _agrees(counted: Usage, other: Usage) -> bool:
    """Say whether a source says what the counted ones say; it may leave out cached tokens and reasoning.

    Agents do: the spans of one have output without reasoning, where its log events have both.
    """
    ours, theirs = counted.tokens, other.tokens
    if theirs.total and theirs.input not in {ours.input, ours.uncached_input}:
        return False
    if theirs.total and theirs.all_output not in {ours.all_output, ours.output}:
        return False
    # agents round the cost of each request to a millionth of a dollar, and that of a metric not at all
    allowed = _MICRO * (counted.requests + 1) / 2
    return other.cost_usd is None or abs((counted.cost_usd or 0) - other.cost_usd) <= allowed
