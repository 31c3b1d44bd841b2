"""What an answer of HEC means for each event that was sent; the rules are in `codes.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from beacon_splunk.encoding import Record

#: Splunk Cloud answers code 6 for object 0 to a body above this; it is no fault of the object.
CLOUD_LIMIT = 5_242_880
#: Splunk Cloud takes about 5 MB for one event.
MAX_OBJECT = 5_000_000
INVALID_FORMAT = 6
_MAX_TEXT = 200

Failed = dict[str, Exception]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was answered.

    Attributes:
        url: where it went, without query.
        records: what it carried, in order.
        size: bytes of its body before compression.
    """

    url: str
    records: Sequence[Record]
    size: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means for what was sent.

    Attributes:
        failed: what was not accepted: an error by event id, one and the same where it is the request that failed.
        ack_id: the number under which the indexers acknowledge the rest, None if there is none.
        refused: how many events Splunk will never take.
        slow_down: Splunk is nearly full: send less.
        hurry: fetch acknowledgements often.
    """

    failed: Failed
    ack_id: int | None = None
    refused: int = 0
    slow_down: bool = False
    hurry: bool = False


class _Rule(msgspec.Struct, frozen=True):
    action: str
    advice: str = ""
    text: str = ""
    slow_down: bool = False
    hurry: bool = False


class _Rules(msgspec.Struct, frozen=True):
    code: dict[str, _Rule]
    status: dict[str, _Rule]


def judge(answer: HttpAnswer, sent: Sent) -> Verdict:
    """Return what an answer means for the events that were sent."""
    reply = _reply(answer.body)
    rule = _rule(answer.status, reply)
    failed = _failures(answer, reply, rule, sent)
    refused = sum(isinstance(error, PermanentError) for error in failed.values())
    return Verdict(failed, _ack_id(reply), refused, rule.slow_down, rule.hurry)


def _failures(answer: HttpAnswer, reply: dict[str, Any], rule: _Rule, sent: Sent) -> Failed:
    text = _describe(answer, reply, rule, sent)
    match rule.action:
        case "delivered":
            return {}
        case "poison":
            return _poison(reply, text, sent)
        case "index":
            return _refused_index(reply, text, sent)
        case "retry":
            return _busy(answer, reply, text, sent)
        case action:
            return fail_all(sent.records, _error(action, text, answer, sent))


def refusal(answer: HttpAnswer, url: str) -> Exception:
    """Return the error for an answer to a question that carried no events: nothing can have been stored by it."""
    reply = _reply(answer.body)
    rule = _rule(answer.status, reply)
    text = _describe(answer, reply, rule, Sent(url, (), 0))
    if rule.action in {"retry", "ambiguous"}:
        return RetryableError(text, retry_after=answer.retry_after)
    return ConfigurationError(text)


def code_of(answer: HttpAnswer) -> int | None:
    """Return an answer's HEC code, None if it has none."""
    code: int | None = _reply(answer.body).get("code")
    return code


def no_hec(answer: HttpAnswer) -> bool:
    """Whether an answer has no HEC code: it comes from something before Splunk, or Splunk could not read the body."""
    return not _reply(answer.body)


@cache
def _rules() -> _Rules:
    from importlib.resources import files  # noqa: PLC0415 - not before the first answer

    return msgspec.toml.decode(files("beacon_splunk").joinpath("codes.toml").read_bytes(), type=_Rules)


def _reply(body: bytes) -> dict[str, Any]:
    """Return HEC's answer, empty if it is none: JSON with an integer `code`."""
    try:
        reply = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return reply if isinstance(reply, dict) and type(reply.get("code")) is int else {}


def _rule(status: int, reply: dict[str, Any]) -> _Rule:
    """Return the rule of the code, or of the HTTP status where there is none or the two contradict each other."""
    rules = _rules()
    rule = rules.code.get(str(reply.get("code")))
    if rule is not None and (rule.action != "delivered" or status // 100 == 2):  # noqa: PLR2004 - 2xx
        return rule
    return rules.status.get(str(status)) or rules.status.get(f"{status // 100}xx") or rules.status["4xx"]


def _describe(answer: HttpAnswer, reply: dict[str, Any], rule: _Rule, sent: Sent) -> str:
    parts = [f"{sent.url}: HTTP {answer.status}"]
    if reply:
        text = str(reply.get("text") or rule.text)[:_MAX_TEXT]
        parts.append(f'code {reply["code"]} "{text}"')
        if (number := _number(reply)) is not None:
            parts.append(f"invalid-event-number {number}")
    else:
        parts.append("not an answer of HEC")
    if rule.action == "index" and sent.records:
        parts.append(f"index {sent.records[0].index or 'not set, so the default of the token'}")
    return ", ".join(parts) + (f"; {rule.advice}" if rule.advice else "")


def _error(action: str, text: str, answer: HttpAnswer, sent: Sent) -> Exception:
    """Return the error of a request that failed as a whole."""
    match action:
        case "ambiguous":
            return RetryableError(text, retry_after=answer.retry_after, ambiguous=True)
        case "split":
            return BatchTooLargeError(_oversize(text, sent))
        case "bisect":
            return BatchTooLargeError(text) if len(sent.records) > 1 else PermanentError(text)
        case "reject":
            return PermanentError(text)
        case _:
            return ConfigurationError(text)


def _oversize(text: str, sent: Sent) -> str:
    """Return the text for what is too large: alone, an event is so itself, and becomes a dead letter."""
    return text if len(sent.records) > 1 else f"oversize: {text}"


def _busy(answer: HttpAnswer, reply: dict[str, Any], text: str, sent: Sent) -> Failed:
    """Nothing was stored; but a busy server that names an object may have stored those before it."""
    first = _owner(sent.records, _number(reply)) or 0
    unsure = RetryableError(text, retry_after=answer.retry_after, ambiguous=True)
    sure = RetryableError(text, retry_after=answer.retry_after)
    return fail_all(sent.records[:first], unsure) | fail_all(sent.records[first:], sure)


def _poison(reply: dict[str, Any], text: str, sent: Sent) -> Failed:
    """Objects before the refused one are stored, those after it are not (measured on Enterprise and Cloud)."""
    number = _number(reply)
    if number == 0 and reply["code"] == INVALID_FORMAT and sent.size > CLOUD_LIMIT:
        return fail_all(sent.records, BatchTooLargeError(_oversize(text, sent)))
    bad = _owner(sent.records, number)
    if bad is None:
        return fail_all(sent.records, _error("bisect", text, HttpAnswer(400), sent))
    record = sent.records[bad]
    if reply["code"] == INVALID_FORMAT and record.largest > MAX_OBJECT:
        text = f"oversize: {text}"
    later = RetryableError(f"{sent.url}: not stored, because an event before it was refused")
    return {record.event_id: PermanentError(text), **fail_all(sent.records[bad + 1 :], later)}


def _refused_index(reply: dict[str, Any], text: str, sent: Sent) -> Failed:
    """Of an index, the number names the object after the refused one; all of a request have the same index."""
    number = _number(reply)
    bad = _owner(sent.records, None if number is None else number - 1)
    return fail_all(sent.records[bad or 0 :], ConfigurationError(text))


def _owner(records: Sequence[Record], number: int | None) -> int | None:
    """Return which record the object with this number belongs to, None if there is no such object."""
    if number is None or number < 0:
        return None
    for position, record in enumerate(records):
        number -= record.objects
        if number < 0:
            return position
    return None


def _number(reply: dict[str, Any]) -> int | None:
    number = reply.get("invalid-event-number")
    return number if type(number) is int else None


def _ack_id(reply: dict[str, Any]) -> int | None:
    number = reply.get("ackId", reply.get("ackID"))  # older texts write it so
    return number if type(number) is int else None


def fail_all(records: Sequence[Record], error: Exception) -> Failed:
    """Return the same error for every record."""
    return {record.event_id: error for record in records}
