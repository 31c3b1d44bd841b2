"""What an answer of an intake means for the events that were sent; the rules are in `answers.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from beacon_core import (
    Batch,
    BatchTooLargeError,
    ConfigurationError,
    PartialExportError,
    PermanentError,
    RetryableError,
)
from beacon_datadog.client import Answer, retry_after

_MAX_TEXT = 200

Failed = dict[str, Exception]


class _Rule(msgspec.Struct, frozen=True):
    action: str
    advice: str = ""


def judge(answer: Answer, url: str, *, events: int, now: int) -> Exception | None:
    """Return the error of a request, None if Datadog has accepted it.

    Args:
        answer: what came back.
        url: where the request went, without query.
        events: how many it carried.
        now: Unix nanoseconds, for a Retry-After that is a date.
    """
    rule = _rule(answer.status)
    text = f"{url}: HTTP {answer.status}{_said(answer.body)}" + (f"; {rule.advice}" if rule.advice else "")
    match rule.action:
        case "delivered":
            return None
        case "retry" | "ambiguous":
            wait = retry_after(answer.retry_after, now)
            return RetryableError(text, retry_after=wait, ambiguous=rule.action == "ambiguous")
        case "split":
            return BatchTooLargeError(text)
        case "bisect":
            return BatchTooLargeError(text) if events > 1 else PermanentError(text)
        case _:
            return ConfigurationError(text)


def settle(batch: Batch, failed: Failed) -> None:
    """Raise what `export` has to raise for these failures."""
    if not failed:
        return
    errors = list(failed.values())
    if len(failed) == len(batch):  # nothing was delivered: halving the whole repeats nothing
        too_large = next((error for error in errors if isinstance(error, BatchTooLargeError)), None)
        if too_large or all(error is errors[0] for error in errors):
            raise too_large or errors[0]
    raise PartialExportError({event_id: _of_one(error, errors) for event_id, error in failed.items()})


def _of_one(error: Exception, errors: Sequence[Exception]) -> Exception:
    """Return the error as it concerns one event: what was too large together is not yet too large alone."""
    if isinstance(error, BatchTooLargeError) and sum(other is error for other in errors) > 1:
        return RetryableError(str(error))
    return error


@cache
def _rules() -> dict[str, _Rule]:
    from importlib.resources import files  # noqa: PLC0415 - not before the first answer

    table = files("beacon_datadog").joinpath("answers.toml").read_bytes()
    return msgspec.toml.decode(table, type=dict[str, dict[str, _Rule]])["status"]


def _rule(status: int) -> _Rule:
    rules = _rules()
    return rules.get(str(status)) or rules.get(f"{status // 100}xx") or rules["4xx"]


def _said(body: bytes) -> str:
    """Return title and detail of Datadog's error, or nothing: never the body itself, which may repeat the payload."""
    try:
        errors: Any = msgspec.json.decode(body)["errors"]
        first = errors[0]
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
        return ""
    parts = [first.get("title"), first.get("detail")] if isinstance(first, dict) else [first]
    text = ", ".join(part for part in parts if isinstance(part, str) and part)
    return f' "{text[:_MAX_TEXT]}"' if text else ""
