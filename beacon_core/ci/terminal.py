"""The terminal's foreground: handed to the wrapped command, so that Ctrl-C, Ctrl-Z and its own questions work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Terminal:
    """The controlling terminal of this process, if it has one and is in its foreground; otherwise nothing happens."""

    def __init__(self) -> None:
        self._descriptor = -1
        if not hasattr(os, "tcsetpgrp"):  # Windows
            return
        try:
            descriptor = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return
        if os.tcgetpgrp(descriptor) == os.getpgrp():
            self._descriptor = descriptor
        else:
            os.close(descriptor)

    @property
    def is_ours(self) -> bool:
        """Whether there is a foreground to hand over."""
        return self._descriptor >= 0

    def hand_to(self, group: int) -> None:
        """Put a process group into the foreground; one that waits for it already goes on."""
        if self.is_ours:
            self._set(group)
            os.killpg(group, signal.SIGCONT)

    def take_back(self) -> None:
        """Put this process into the foreground again."""
        if self.is_ours:
            self._set(os.getpgrp())

    def close(self) -> None:
        """Take the foreground back for good."""
        if self.is_ours:
            self.take_back()
            os.close(self._descriptor)
            self._descriptor = -1

    def _set(self, group: int) -> None:
        with _without_sigttou():
            try:
                os.tcsetpgrp(self._descriptor, group)
            except OSError:  # the group has ended, or the terminal is gone
                return


@contextmanager
def _without_sigttou() -> Iterator[None]:
    """Let a process in the background change the foreground, which would stop it otherwise."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
