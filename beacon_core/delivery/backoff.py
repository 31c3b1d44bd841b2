"""How long a worker waits after an attempt that failed."""

from __future__ import annotations

from beacon_core.config import RetryOptions


def backoff(options: RetryOptions, failures: int, retry_after: float | None = None) -> float:
    """Return seconds to wait: random up to an exponentially growing bound, at least what the destination asked for.

    Args:
        options: first bound, factor, highest bound.
        failures: failed attempts in a row, from 1.
        retry_after: seconds the destination asked to wait.
    """
    from tenacity import RetryCallState, Retrying, wait_random_exponential  # noqa: PLC0415 - not before something failed

    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = failures
    wait = wait_random_exponential(
        multiplier=options.initial_interval, max=options.max_interval, exp_base=options.multiplier
    )
    return max(float(wait(state)), retry_after or 0.0)
