"""The one table that turns what an exporter said into what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from beacon_core.errors import BatchTooLargeError, ConfigurationError, PermanentError, RetryableError

#: Attempts that a batch gets while the plugin fails in a way it does not declare; then the bad event is searched for.
BUG_ATTEMPTS = 5


class Action(Enum):
    """What a worker does with a batch after an attempt."""

    ACK = "forget it: the destination has it"
    RETRY = "give it back and wait"
    HOLD = "give it back and wait long: the operator has to correct something"
    SPLIT = "send two halves"
    DEAD_LETTER = "put it aside with the reason"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do, and what to say about it.

    Attributes:
        action: what to do.
        reason: for the log and the dead letters; empty for ACK.
        retry_after: seconds the destination asked to wait, None if it did not.
        ambiguous: the destination may have taken the batch all the same.
        bug: the exporter failed in a way it does not declare; its traceback belongs into the log.
    """

    action: Action
    reason: str = ""
    retry_after: float | None = None
    ambiguous: bool = False
    bug: bool = False


def decide(error: Exception | None, *, events: int, attempts: int) -> Outcome:
    """Return what to do after an attempt.

    Args:
        error: what `export` raised, None if it returned. `PartialExportError` is taken apart by the caller.
        events: how many events the batch has.
        attempts: how often they were tried, this attempt included.
    """
    match error:
        case None:
            return Outcome(Action.ACK)
        case RetryableError():
            return Outcome(Action.RETRY, str(error), error.retry_after, error.ambiguous)
        case BatchTooLargeError():
            return Outcome(_split_or(Action.DEAD_LETTER, events), str(error))
        case PermanentError():
            return Outcome(Action.DEAD_LETTER, str(error))
        case ConfigurationError():
            return Outcome(Action.HOLD, str(error))
        case _:
            reason = f"the exporter failed with {type(error).__name__}"  # its text may hold anything, also a secret
            action = _split_or(Action.DEAD_LETTER, events) if attempts >= BUG_ATTEMPTS else Action.RETRY
            return Outcome(action, reason, ambiguous=True, bug=True)


def _split_or(otherwise: Action, events: int) -> Action:
    return Action.SPLIT if events > 1 else otherwise
