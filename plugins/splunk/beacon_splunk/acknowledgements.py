"""Indexer acknowledgement: what Splunk has accepted is delivered once its indexers have stored it.

Splunk, "About HTTP Event Collector indexer acknowledgment". A token with it answers each request with a number
(`ackId`) that is valid on the request's channel. `true` is said once: who asks again is told `false`, and so is who
asks for a number that was never given. Every thread therefore asks for the numbers of its own requests only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from beacon_core import ConfigurationError, Host, HttpAnswer, RetryableError
from beacon_splunk.answers import Failed, code_of, fail_all, refusal
from beacon_splunk.config import AcknowledgementOptions
from beacon_splunk.encoding import Record

_ACK_DISABLED = 14
_FIRST_WAIT = 1.0  # seconds; Splunk takes about that long
_NO_NUMBER = 2_000_000_000  # asked for to see whether a token answers at all; no channel has that many requests


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one request had accepted.

    Attributes:
        records: the events that Splunk took.
        number: the `ackId` of the answer, None if it had none.
        hurry: Splunk asks for acknowledgements to be fetched often.
    """

    records: Sequence[Record]
    number: int | None
    hurry: bool = False


class Acknowledgements:
    """Waits until what was accepted is stored. Any thread.

    Args:
        options: how long, and whether an acceptance is enough.
        ask: posts a body to the acknowledgement endpoint, on the channel of the requests.
        url: of that endpoint, for messages.
        closing: set when the exporter shuts down; ends all waits.
        host: the exporter's.
    """

    def __init__(
        self,
        options: AcknowledgementOptions,
        ask: Callable[[bytes], HttpAnswer],
        url: str,
        closing: threading.Event,
        host: Host,
    ) -> None:
        self._options = options
        self._ask = ask
        self._url = url
        self._closing = closing
        self._host = host
        self._required = options.indexer_acknowledgements_enabled is True
        self._ignored = options.indexer_acknowledgements_enabled is False
        self._numbered = False  # the token is known to give numbers
        self._said = False
        self._complained = False  # that questions fail

    def ensure(self) -> None:
        """Where acknowledgements are required, see that the token has them before anything is sent with it.

        Raises:
            ConfigurationError: the token has none, or is refused.
            RetryableError: nobody can say now.
        """
        if not self._required or self._numbered:
            return
        try:
            answer = self._ask(_question([_NO_NUMBER]))
        except RetryableError as error:  # a question stores nothing, whatever became of it
            raise RetryableError(str(error), retry_after=error.retry_after) from None
        if code_of(answer) == _ACK_DISABLED:
            raise ConfigurationError(
                f"{self._url}: the token has no indexer acknowledgement; switch it on in Splunk, "
                "or do not set acknowledgements.indexer_acknowledgements_enabled"
            )
        if _states(answer) is None:
            raise refusal(answer, self._url)
        self._numbered = True

    def wait(self, accepted: Sequence[Accepted]) -> Failed:
        """Wait until the indexers have stored what was accepted; return what is not known to be stored."""
        if self._ignored:
            return {}
        failed: Failed = {}
        waiting: dict[int, Accepted] = {}
        for each in accepted:
            if each.number is None:
                failed |= self._without_number(each.records)
            else:
                waiting[each.number] = each
                self._numbered = True
        return (failed | self._poll(waiting)) if waiting else failed

    def _poll(self, waiting: dict[int, Accepted]) -> Failed:
        """Ask until nothing waits any more, or time is up; a question without an answer says nothing of the data."""
        deadline = time.monotonic() + self._options.timeout
        pauses = self._pauses(hurry=any(each.hurry for each in waiting.values()))
        pause, reason = next(pauses), "deadline"
        while waiting:
            left = deadline - time.monotonic()
            if self._closing.wait(min(pause, max(left, 0.0))):
                return self._give_up(waiting, "shutdown")
            answer = self._answer(waiting)
            if answer is None:  # `true` may have been in it, and is not said again
                reason = "answer_lost"
            elif code_of(answer) == _ACK_DISABLED:
                return self._disabled(waiting)
            else:
                states = _states(answer) or {}
                waiting = {number: each for number, each in waiting.items() if states.get(str(number)) is not True}
            if waiting and time.monotonic() >= deadline:
                return self._give_up(waiting, reason)
            pause = max(next(pauses), (answer and answer.retry_after) or 0.0)
        return {}

    def _answer(self, waiting: dict[int, Accepted]) -> HttpAnswer | None:
        """Ask; return None if there was a question and no answer."""
        try:
            answer = self._ask(_question(waiting))
        except RetryableError as error:
            self._complain(error)
            return None if error.ambiguous else HttpAnswer(0)
        except ConfigurationError:  # shut down meanwhile
            return HttpAnswer(0)
        if _states(answer) is not None:
            self._complained = False
        elif code_of(answer) != _ACK_DISABLED:
            self._complain(refusal(answer, self._url))
        return answer

    def _complain(self, error: Exception) -> None:
        """Say that questions fail, once until they do not."""
        if not self._complained:
            self._complained = True
            self._host.logger.warning("acknowledgements cannot be asked for, it will be tried again: %s", error)

    def _pauses(self, *, hurry: bool) -> Iterator[float]:
        """Yield the seconds before each question."""
        longest = self._options.query_interval
        pause = _FIRST_WAIT
        while True:
            yield min(pause, longest)
            pause = pause if hurry else min(pause * 2, longest)

    def _give_up(self, waiting: dict[int, Accepted], reason: str) -> Failed:
        """Return everything that waits as ambiguous: it was accepted and may be stored."""
        error = RetryableError(
            f"{self._url}: accepted, and not acknowledged by the indexers ({reason.replace('_', ' ')})", ambiguous=True
        )
        return self._not_acknowledged([r for each in waiting.values() for r in each.records], reason, error)

    def _disabled(self, waiting: dict[int, Accepted]) -> Failed:
        """The token has lost its acknowledgements: nobody will ever say more than that the events were accepted."""
        self._host.logger.warning("%s: code 14, the token has no indexer acknowledgement any more", self._url)
        return self._only_accepted([r for each in waiting.values() for r in each.records], "ack_disabled")

    def _without_number(self, records: Sequence[Record]) -> Failed:
        if not self._numbered and not self._required:
            if not self._said:
                self._said = True
                self._host.logger.info("the token has no indexer acknowledgement: delivered means accepted by Splunk")
            return {}
        self._host.logger.warning("%s: an answer without ackId, and earlier ones had it", self._url)
        return self._only_accepted(records, "no_ack_id")

    def _only_accepted(self, records: Sequence[Record], reason: str) -> Failed:
        """Return what becomes of events that will not be acknowledged: delivered, unless that is not enough."""
        self._numbered = False  # where it is required, nothing more is sent until the token has it
        error = RetryableError(f"{self._url}: accepted, and nobody can say if it is stored", ambiguous=True)
        lost = self._not_acknowledged(records, reason, error)
        return lost if self._required else {}

    def _not_acknowledged(self, records: Sequence[Record], reason: str, error: RetryableError) -> Failed:
        self._host.count("unacknowledged", len(records), reason=reason)
        return fail_all(records, error)


def _question(numbers: Iterable[int]) -> bytes:
    return msgspec.json.encode({"acks": list(numbers)})


def _states(answer: HttpAnswer) -> dict[str, Any] | None:
    """Return what an answer says of each number; None if it is no answer to the question."""
    try:
        reply = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    states = reply.get("acks") if isinstance(reply, dict) else None
    return states if isinstance(states, dict) and answer.status == HTTPStatus.OK else None
