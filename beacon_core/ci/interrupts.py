"""Signals as facts to look at instead of exceptions at any line: what was begun can then be undone ([C7])."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
Handler = Callable[[int], None]


class InterruptedStartError(Exception):
    """A signal came while something was being started; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


class Interrupts:
    """The signals that came. In the main thread only.

    Attributes:
        received: their numbers, in order.
        handler: told of each as well, in the middle of anything.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self.handler: Handler | None = None

    def check(self) -> None:
        """Raise if a signal has come.

        Raises:
            InterruptedStartError: one has.
        """
        if self.received:
            raise InterruptedStartError(self.received[0])

    def close(self) -> None:
        """Let no more signals in until the process has ended, then check a last time: what is done stays done."""
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in NAMES])
        self.check()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        if self.handler is not None:
            self.handler(number)


@contextmanager
def watching(*more: str) -> Iterator[Interrupts]:
    """Note the signals that would end the process, until the end of the block. What is ignored stays ignored.

    Args:
        more: names of further signals; those that this system does not have are left out.
    """
    interrupts = Interrupts()
    numbers = [getattr(signal, name) for name in (*NAMES, *more) if hasattr(signal, name)]
    before = {n: handler for n in numbers if (handler := signal.getsignal(n)) not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, interrupts._note)  # noqa: SLF001 - its own
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
