"""Every row of the error table (promise P6)."""

from __future__ import annotations

import pytest

from beacon_core import (
    BatchTooLargeError,
    ConfigurationError,
    PermanentError,
    PluginError,
    QueueFullError,
    RetryableError,
    RetryOptions,
)
from beacon_core.delivery.backoff import backoff
from beacon_core.delivery.outcome import BUG_ATTEMPTS, Action, decide

ROWS = [
    (None, 10, 1, Action.ACK),
    (RetryableError("busy"), 10, 1, Action.RETRY),
    (RetryableError("busy"), 10, 10_000, Action.RETRY),
    (BatchTooLargeError("413"), 10, 1, Action.SPLIT),
    (BatchTooLargeError("413"), 2, 1, Action.SPLIT),
    (BatchTooLargeError("413"), 1, 1, Action.DEAD_LETTER),
    (PermanentError("bad"), 10, 1, Action.DEAD_LETTER),
    (ConfigurationError("401"), 10, 1, Action.HOLD),
    (PluginError("gone"), 10, 1, Action.HOLD),
    (ValueError("?"), 10, 1, Action.RETRY),
    (ValueError("?"), 10, BUG_ATTEMPTS - 1, Action.RETRY),
    (ValueError("?"), 10, BUG_ATTEMPTS, Action.SPLIT),
    (ValueError("?"), 1, BUG_ATTEMPTS, Action.DEAD_LETTER),
    (QueueFullError("not an export error"), 1, 1, Action.RETRY),
]


@pytest.mark.parametrize(("error", "events", "attempts", "action"), ROWS)
def test_p6_the_class_of_an_error_decides(error: Exception | None, events: int, attempts: int, action: Action) -> None:
    assert decide(error, events=events, attempts=attempts).action is action


def test_p7_the_text_of_an_undeclared_error_is_not_repeated() -> None:
    outcome = decide(ValueError("token=hunter2"), events=1, attempts=BUG_ATTEMPTS)
    assert outcome.bug
    assert outcome.reason == "the exporter failed with ValueError"


def test_an_ambiguous_failure_stays_ambiguous() -> None:
    assert decide(RetryableError("reset", ambiguous=True), events=1, attempts=1).ambiguous
    assert not decide(RetryableError("refused"), events=1, attempts=1).ambiguous


def test_backoff_is_random_below_a_bound_that_grows_to_the_maximum() -> None:
    options = RetryOptions(initial_interval=1, multiplier=2, max_interval=10)
    for failures, bound in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (50, 10)):
        waits = [backoff(options, failures) for _ in range(200)]
        assert 0 <= min(waits) <= max(waits) <= bound
        assert max(waits) > bound / 2 > min(waits)  # full jitter: spread over the whole range


def test_backoff_is_at_least_what_the_destination_asked_for() -> None:
    assert backoff(RetryOptions(max_interval=1), 1, retry_after=30) >= 30
