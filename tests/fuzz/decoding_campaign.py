"""Hostile and odd requests, each decoded with native code and without: the outcome has to be the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from beacon_core.errors import InvalidDataError
from beacon_core.event import content_id
from beacon_core.otlp import MEDIA_TYPES, Decoded, Encoding, decode_request
from beacon_core.otlp.plain import plain_events
from beacon_core.otlp.request import decode_closely
from tests.fuzz import mutations
from tests.fuzz.corpus import JSON, Sample, samples
from tests.fuzz.dialects import json_dialect, protobuf_dialect
from tests.fuzz.values import odd_values

_RECEIVED = 1234  # Unix nanoseconds
_LARGEST = 200_000  # bytes of a request: larger ones take long and show no more


@dataclass
class Result:
    """What became of the cases.

    Attributes:
        outcomes: how often, by encoding: `plain` (read by native code), `closely` (by the other reader), `refused`.
        violations: what differed.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def decoding_campaign(seed: str, count: int) -> Result:
    """Decode so many requests both ways."""
    chance = random.Random(seed)
    result = Result()
    for number in range(count):
        sample = chance.choice(_samples())
        body = chance.choice(_CHANGES)(chance, sample)[:_LARGEST]
        encoding: Encoding = "json" if sample.kind == JSON else "protobuf"
        result.outcomes[f"{encoding} {outcome(sample.path, body, encoding)}"] += 1
        if difference := differs(sample.path, body, encoding):
            result.violations.append(f"request {number} of seed {seed}: {difference}")
    return result


def differs(path: str, body: bytes, encoding: Encoding) -> str:
    """Return how the two outcomes differ; nothing if they are equal."""
    ordinary = _told(lambda: decode_request(path, body, encoding=encoding, received_unix_nano=_RECEIVED))
    batch_id = content_id(path.encode(), MEDIA_TYPES[encoding].encode(), body)
    closely = _told(lambda: decode_closely(path, body, encoding, batch_id, _RECEIVED))
    if ordinary == closely:
        return ""
    at = next((n for n, (one, other) in enumerate(zip(ordinary, closely, strict=False)) if one != other), 0)
    near = slice(max(0, at - 100), at + 100)
    return f"{path} in {encoding}: {ordinary[near]!r} is {closely[near]!r} without native code; {body[:3000]!r}"


def outcome(path: str, body: bytes, encoding: Encoding) -> str:
    """Return who reads a request."""
    if plain_events(path, body, encoding, "", _RECEIVED) is not None:
        return "plain"
    try:
        decode_request(path, body, encoding=encoding, received_unix_nano=_RECEIVED)
    except InvalidDataError:
        return "refused"
    return "closely"


def _told(decode: Callable[[], Decoded]) -> str:
    """Return all that there is to an outcome as text, in which NaN equals NaN and 1 does not equal 1.0."""
    try:
        decoded = decode()
    except InvalidDataError as error:
        return f"refused: {error}"
    return repr((decoded.warning, sorted(decoded.notes.items()), decoded.batch))


@cache
def _samples() -> list[Sample]:
    return [sample for sample in samples() if sample.path != "/v1/metrics" and len(sample.body) < _LARGEST]


def _mutated(chance: random.Random, sample: Sample) -> bytes:
    return mutations.mutate(chance, sample.body, mutations.JSON if sample.kind == JSON else mutations.PROTOBUF)


def _dialect(chance: random.Random, sample: Sample) -> bytes:
    return (json_dialect if sample.kind == JSON else protobuf_dialect)(chance, sample.body)


def _odd_dialect(chance: random.Random, sample: Sample) -> bytes:
    return _dialect(chance, sample._replace(body=odd_values(chance, sample)))


_CHANGES = (_mutated, odd_values, _dialect, _odd_dialect)
