"""What an answer of an intake means for the events that were sent; the rules are in `answers.toml`."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from beacon_core import (
    BatchTooLargeError,
    ConfigurationError,
    HttpAnswer,
    PermanentError,
    RetryableError,
)

_MAX_TEXT = 200

Failed = dict[str, Exception]


class _Rule(msgspec.Struct, frozen=True):
    action: str
    advice: str = ""


def judge(answer: HttpAnswer, url: str, *, events: int) -> Exception | None:
    """Return the error of a request, None if Datadog has accepted it.

    Args:
        answer: what came back.
        url: where the request went, without query.
        events: how many it carried.
    """
    rule = _rule(answer.status)
    text = f"{url}: HTTP {answer.status}{_said(answer.body)}" + (f"; {rule.advice}" if rule.advice else "")
    match rule.action:
        case "delivered":
            return None
        case "retry" | "ambiguous":
            return RetryableError(text, retry_after=answer.retry_after, ambiguous=rule.action == "ambiguous")
        case "split":
            return BatchTooLargeError(text)
        case "bisect":
            return BatchTooLargeError(text) if events > 1 else PermanentError(text)
        case _:
            return ConfigurationError(text)


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
