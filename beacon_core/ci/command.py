"""The wrapped command: started in a process group of its own, signalled, waited for, and reported as it ended ([C1]).

As the first process of a container nobody else waits for orphans, so all children are waited for here.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from beacon_core.ci.interrupts import Interrupts
from beacon_core.ci.terminal import Terminal

_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128
_POLL = 0.02
#: A process group of its own, as POSIX and as Windows have it.
_GROUP = -1 if os.name == "nt" else 0
_FLAGS = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
#: Signals that are passed on beside those that end us.
PASSED_ON = ("SIGQUIT", "SIGUSR1", "SIGUSR2")


class CommandNotStartedError(Exception):
    """The command cannot be started; `code` is what a shell ends with then."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"{name}: {error.strerror or error}")
        self.code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE


class Command:
    """A command that runs.

    Args:
        words: its name and arguments.
        environ: its whole environment.
        interrupts: signals that come are passed on to its process group, also the one that came before it was there.
        stdout: where its output goes, for `subprocess`; None: where ours goes. With a pipe, read `output`.

    Raises:
        CommandNotStartedError: it cannot be started.
    """

    def __init__(
        self, words: Sequence[str], environ: Mapping[str, str], interrupts: Interrupts, *, stdout: int | None = None
    ) -> None:
        self._terminal, self._interrupts = Terminal(), interrupts
        try:
            self._process = subprocess.Popen(  # noqa: S603 - that is what the user asked for
                list(words), env=dict(environ), stdout=stdout, process_group=_GROUP, creationflags=_FLAGS
            )
        except OSError as error:
            self._terminal.close()
            if error.errno == errno.E2BIG:
                error.strerror = "its arguments and environment are too long for this system"
            raise CommandNotStartedError(words[0], error) from None
        self._terminal.hand_to(self._process.pid)
        interrupts.handler = self._signal
        for number in interrupts.received:
            self._signal(number)

    @property
    def pid(self) -> int:
        """Its process, and its process group."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes] | None:
        """What it writes to a pipe."""
        return self._process.stdout

    def wait(self, reaped: Callable[[int, int], None]) -> int:
        """Wait for its end and return what a shell would report: its code, or 128 and the number of a signal.

        Args:
            reaped: told PID and code of every other child that ends meanwhile.
        """
        try:
            code = self._wait(reaped)
        finally:
            self._interrupts.handler = None  # its number may be given to another process now
            self._terminal.close()
        self._process.returncode = code
        return code if code >= 0 else _BY_SIGNAL - code

    def wait_for_group(self, patience: float, reaped: Callable[[int, int], None], *, hurry: Callable[[], bool]) -> None:
        """Wait for what the command has left running in its process group: it may still report something."""
        deadline = time.monotonic() + patience
        while _exists(self.pid) and time.monotonic() < deadline and not hurry():
            _reap(reaped)
            time.sleep(_POLL)

    def _wait(self, reaped: Callable[[int, int], None]) -> int:
        if not hasattr(os, "waitpid") or os.name == "nt":
            return self._process.wait()
        while True:
            pid, status = os.waitpid(-1, os.WUNTRACED)
            if pid != self.pid:
                if not os.WIFSTOPPED(status):
                    reaped(pid, os.waitstatus_to_exitcode(status))
            elif os.WIFSTOPPED(status):
                self._stopped(os.WSTOPSIG(status))
            else:
                return os.waitstatus_to_exitcode(status)

    def _stopped(self, number: int) -> None:
        """Stop like the command, so that the shell that has started us gets its prompt; go on with it."""
        if not self._terminal.is_ours or number not in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            return
        self._terminal.take_back()
        os.killpg(os.getpgrp(), signal.SIGSTOP)  # until somebody says SIGCONT
        self._terminal.hand_to(self.pid)

    def _signal(self, number: int) -> None:
        try:
            if hasattr(os, "killpg"):
                os.killpg(self.pid, number)
            else:
                self._process.send_signal(number)
        except (ProcessLookupError, PermissionError):  # it has ended, or is somebody else now (sudo)
            return


def _exists(group: int) -> bool:
    if not hasattr(os, "killpg"):
        return False
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _reap(reaped: Callable[[int, int], None]) -> None:
    """Wait for children that have ended already."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        reaped(pid, os.waitstatus_to_exitcode(status))
