"""What the processes of one run say to each other."""

from __future__ import annotations

from typing import Any

import msgspec

from beacon_core.receipt import Receipt
from beacon_core.service.files import Endpoints
from beacon_core.telemetry import Count


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Every receiver accepts."""

    endpoints: Endpoints


class Trouble(msgspec.Struct, frozen=True, tag=True):
    """It could not start: the name of the error's class, and its text."""

    kind: str
    text: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """What a process has done; the last one also says whether a thread of it failed."""

    receipt: Receipt
    counts: list[Count]
    failed: bool = False


_encoder = msgspec.json.Encoder()
_news: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Ready | Trouble | Report)
_report = msgspec.json.Decoder(Report)


def encode(said: Ready | Trouble | Report) -> bytes:
    """Return what goes through the pipe."""
    return _encoder.encode(said)


def decode_news(text: bytes) -> Ready | Trouble | Report:
    """Return what a process tells by itself."""
    return _news.decode(text)  # type: ignore[no-any-return]


def decode_report(text: bytes) -> Report:
    """Return the answer to a question."""
    return _report.decode(text)
