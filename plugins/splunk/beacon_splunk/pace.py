"""How fast requests follow each other: as fast as they are answered, until Splunk says that it is nearly full."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Plain successes after which everything is as before.
RECOVERY = 10


class Pace:
    """Lets requests through; slower after code 24 or 25, for all threads.

    Slower means: half as many at the same time, and each a pause later than it would have been.

    Args:
        in_flight: requests that there can be at the same time.
        wait: waits for so many seconds; may return earlier.
        pause: seconds before each request.
    """

    def __init__(self, in_flight: int, wait: Callable[[float], object], pause: float = 1.0) -> None:
        self._slow_limit = max(1, in_flight // 2)
        self._wait = wait
        self._pause = pause
        self._under_way = 0
        self._slow_for = 0  # plain successes that are missing
        self._changed = threading.Condition()

    @property
    def slow(self) -> bool:
        """Whether requests are slowed down now."""
        return self._slow_for > 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this thread's turn; the request is made inside of the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._slow_for or self._under_way < self._slow_limit)
            self._under_way += 1
            slow = self.slow
        try:
            if slow:
                self._wait(self._pause)
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def slow_down(self) -> None:
        """Go slower until there were ten plain successes in a row."""
        with self._changed:
            self._slow_for = RECOVERY

    def plain_success(self) -> None:
        """Take note of an answer that does not ask for less."""
        with self._changed:
            if self._slow_for:
                self._slow_for -= 1
                self._changed.notify_all()
