"""Proves that a process is still the one that it was: a PID alone is given again to whoever comes next."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_PRECISION = 0.05  # seconds by which a start time may differ: it is computed, from ticks of 10 ms
_CLOSING = 3.0  # seconds that a sidecar needs at most to end without delivering any more
_POLL = 0.005
_AGAIN = 0.5  # seconds between signals to a process that is to hurry
_KILLED = 5.0  # seconds until a killed process is gone; uninterruptible sleep can take longer, and nothing helps then


@dataclass(frozen=True)
class Identity:
    """What tells a process from a later one with the same PID.

    Attributes:
        start_time: in seconds since 1970.
        executable: path of the program.
        boot_time: what the start time was computed from, where it is; both move when the clock is set. Else 0.
    """

    start_time: float
    executable: str
    boot_time: float = 0.0

    def matches(self, other: Identity) -> bool:
        """Say whether both are of the same process."""
        apart = (self.start_time - self.boot_time) - (other.start_time - other.boot_time)
        return abs(apart) <= _PRECISION and self.executable == other.executable


def identify(pid: int) -> Identity | None:
    """Return who a process is; None if there is none, or only what is left of one that nobody has waited for."""
    import psutil  # noqa: PLC0415 - slow to import: the sidecar starts meanwhile

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        boot_time = psutil.boot_time() if psutil.LINUX else 0.0
        return Identity(process.create_time(), process.exe(), boot_time)
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return Identity(0.0, "")  # somebody else's, so not ours


class Running(Protocol):
    """A process that can be ended."""

    def is_running(self) -> bool:
        """Say whether it still runs."""

    def send(self, number: int) -> None:
        """Send it a signal; nothing happens if it has ended."""


@dataclass(frozen=True)
class Stranger:
    """A process that somebody else has started, recognized before every signal."""

    pid: int
    identity: Identity

    def is_running(self) -> bool:
        found = identify(self.pid)
        return found is not None and found.matches(self.identity)

    def send(self, number: int) -> None:
        if self.is_running():
            os.kill(self.pid, number)


def end(process: Running, grace: float, *, hurry: Callable[[], bool] = lambda: False) -> bool:
    """End a sidecar: it delivers what it can, then it is told to leave the rest queued, then it is killed.

    Args:
        process: the sidecar.
        grace: seconds after which it is killed.
        hurry: asked again and again; once it says yes, nothing more is delivered.

    Returns:
        Whether it came to its end by itself, with a receipt.
    """
    if not process.is_running():
        return False
    process.send(signal.SIGTERM)
    if _wait(process, max(grace - _CLOSING, grace / 2), hurry):
        return True
    if _insist(process, min(_CLOSING, grace / 2)):
        return True
    process.send(getattr(signal, "SIGKILL", signal.SIGTERM))
    _wait(process, _KILLED)
    return False


def _insist(process: Running, patience: float) -> bool:
    """Say again that it is over, and again: two signals that come at once are one for the process."""
    deadline = time.monotonic() + patience
    while True:
        process.send(signal.SIGTERM)
        if _wait(process, min(_AGAIN, max(0.0, deadline - time.monotonic()))):
            return True
        if time.monotonic() > deadline:
            return False


def _wait(process: Running, patience: float, hurry: Callable[[], bool] = lambda: False) -> bool:
    deadline = time.monotonic() + patience
    while process.is_running():
        if time.monotonic() > deadline or hurry():
            return False
        time.sleep(_POLL)
    return True
