"""Runs one command: its output in pieces, copied byte for byte where asked, its whole group of processes ended in time.

Nothing here knows telemetry. `Process` is for whoever takes pieces at a pace of their own; `run_process` is for whoever
wants to be called.
"""

from __future__ import annotations

import os
import queue
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, Self, TypeAlias

from beacon_core.errors import BeaconError

Stream: TypeAlias = Literal["stdout", "stderr"]
#: How a command ended: by itself with exit code 0, or with another one; because its time was over; because somebody
#: wished it.
Ending: TypeAlias = Literal["completed", "failed", "timeout", "cancelled"]

CHUNK_BYTES: Final = 64 * 1024
#: Pieces that are kept until somebody takes them; then the command has to wait, as with any pipe.
_PIECES: Final = 16
_TICK: Final = 0.05  # seconds between two looks at a process
#: When a pipe outlives its command, because a process that it left behind holds the pipe open: the seconds of silence
#: after which nothing more is expected, and the bytes that can still be the command's, because a pipe holds no more.
_SILENCE, _PIPE_BYTES = 0.2, 1024 * 1024
_LONGEST_READ: Final = 5.0  # seconds; where a read cannot be woken
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # exit codes, as shells have them
_SIGNALLED = 128

_WINDOWS: Final = os.name == "nt"


class CommandError(BeaconError):
    """A command that cannot be started.

    Args:
        message: which, and why.
        exit_code: what a shell would say: 127 if it was not found, else 126.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Output(NamedTuple):
    """A piece of what a command has written; an empty one is the end of that stream."""

    stream: Stream
    data: bytes


class ProcessOutcome(NamedTuple):
    """How a command ended.

    Attributes:
        ending: in one word.
        exit_code: its own, 128 + n if signal n ended it.
        duration_ns: how long it ran, in nanoseconds.
    """

    ending: Ending
    exit_code: int
    duration_ns: int


class Process:
    """One run of a command. `start`, `read` until `ended`, then `outcome`; `cancel` may come from any thread.

    The command runs in a session, and so in a process group, of its own: signals of the terminal do not reach it, and
    all that it has started and that has stayed in its group ends with it. Three threads work for it: two read its
    output, one waits for its end. What nobody takes is bounded to about 1 MiB; then the command waits.

    Args:
        command: program and arguments.
        env: its whole environment; None for this process's.
        working_directory: where it runs; None for this process's.
        stdin: bytes that it gets as standard input, an open file, or None for an empty input.
        tee: descriptors to copy its output to, byte for byte, before anything else is done with it. One that cannot be
            written to (a closed pipe) is left alone from then on.
        timeout: seconds after which it is ended; None for never.
        grace: seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        working_directory: str | Path | None = None,
        stdin: bytes | IO[bytes] | None = None,
        tee: Mapping[Stream, int] | None = None,
        timeout: float | None = None,
        grace: float = 10.0,
    ) -> None:
        self._command = list(command)
        self._env = env
        self._directory = working_directory
        self._stdin = stdin
        self._tee = dict(tee or {})
        self._timeout = timeout
        self._grace = grace
        self._pieces: queue.Queue[Output | None] = queue.Queue(_PIECES)
        self._cancelled = threading.Event()
        self._left = threading.Event()  # the command is gone: its pipes are read to the next pause
        self._closed = threading.Event()  # nobody takes anything any more
        self._readers: list[threading.Thread] = []
        self._started_at = 0
        self.outcome: ProcessOutcome | None = None
        #: Whether everything has been read and the outcome is there.
        self.ended = False

    def start(self) -> None:
        """Start the command.

        Raises:
            CommandError: it cannot be started.
        """
        self._started_at = time.monotonic_ns()
        given = self._stdin
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the operator's own command
                self._command,
                env=None if self._env is None else dict(self._env),
                cwd=self._directory,
                stdin=subprocess.PIPE if isinstance(given, bytes) else given or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                **_OWN_GROUP,
            )
        except (OSError, ValueError) as error:
            raise _not_started(self._command[0], error) from None
        if isinstance(given, bytes):
            self._thread("stdin", self._feed, given)
        pipes: dict[Stream, IO[bytes] | None] = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._readers = [self._thread(name, self._pump, name, pipe) for name, pipe in pipes.items()]
        self._thread("wait", self._supervise)

    @property
    def pid(self) -> int:
        """The command's process id, which is also its group's."""
        return self._process.pid

    def read(self, timeout: float) -> Output | None:
        """Return the next piece, None if there was none within `timeout` seconds, or if all has `ended`."""
        if self.ended:
            return None
        try:
            piece = self._pieces.get(timeout=timeout)
        except queue.Empty:
            return None
        self.ended = piece is None
        return piece

    def cancel(self, grace: float | None = None) -> None:
        """Have the command ended, with a shorter grace if one is given; returns at once. Any thread, also twice."""
        if grace is not None:
            self._grace = min(self._grace, grace)
        self._cancelled.set()

    def close(self) -> None:
        """Take nothing any more, and cancel; for whoever leaves before the end."""
        self._closed.set()
        self.cancel()

    # ---- the threads ----

    def _thread(self, name: str, target: Callable[..., None], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, name=f"beacon-command-{name}", daemon=True)
        thread.start()
        return thread

    def _feed(self, data: bytes) -> None:
        pipe = self._process.stdin
        with suppress(OSError):  # the command does not want to read it
            if pipe is not None:
                with pipe:
                    pipe.write(data)

    def _pump(self, stream: Stream, pipe: IO[bytes]) -> None:
        fd = pipe.fileno()
        rest = _PIPE_BYTES
        with _Readiness(fd) as readiness:
            while rest > 0:
                left = self._left.is_set()
                if not readiness.wait(_SILENCE):
                    if left:
                        break
                    continue
                data = os.read(fd, CHUNK_BYTES)
                if not data:
                    break
                self._copy(stream, data)
                self._put(Output(stream, data))
                rest -= len(data) if left else 0
        pipe.close()
        self._put(Output(stream, b""))

    def _copy(self, stream: Stream, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest and stream in self._tee:
                rest = rest[os.write(self._tee[stream], rest) :]
        except OSError:  # telemetry goes on (promise P9)
            self._tee.pop(stream, None)

    def _put(self, piece: Output | None) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._pieces.put(piece, timeout=_SILENCE)
                return

    def _supervise(self) -> None:
        forced = self._wait_for_end()
        group = _Group(self._process) if forced else None
        if group is not None:
            group.end(lambda: self._grace)
        code = self._process.wait()
        duration = time.monotonic_ns() - self._started_at
        self._left.set()
        for reader in self._readers:
            reader.join(_LONGEST_READ if _WINDOWS else None)
        exit_code = _SIGNALLED - code if code < 0 else code
        self.outcome = ProcessOutcome(forced or ("failed" if code else "completed"), exit_code, duration)
        self._put(None)

    def _wait_for_end(self) -> Literal["timeout", "cancelled"] | None:
        """Wait until the command ends by itself (None), is to be cancelled, or its time is over."""
        deadline = float("inf") if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                self._process.wait(_TICK)
            except subprocess.TimeoutExpired:
                pass
            else:
                return None
            if self._cancelled.is_set():
                return "cancelled"
            if time.monotonic() >= deadline:
                return "timeout"


def run_process(
    command: Sequence[str], on_output: Callable[[Output], None], *, tick: float = 0.2, **options: Any
) -> ProcessOutcome:
    """Run a command to its end and call `on_output` with every piece, in this thread.

    Args:
        command: program and arguments.
        on_output: an empty piece is the end of its stream. What it raises ends the command.
        tick: seconds to wait for a piece at once; nothing depends on it.
        options: of `Process`.

    Raises:
        CommandError: it cannot be started.
    """
    process = Process(command, **options)
    process.start()
    try:
        while not process.ended:
            if (piece := process.read(tick)) is not None:
                on_output(piece)
    finally:
        process.close()
    if process.outcome is None:
        raise AssertionError("a command that has ended has an outcome")
    return process.outcome


# ---- what differs between systems ----

_OWN_GROUP: Final[dict[str, Any]] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)} if _WINDOWS else {"start_new_session": True}
)


class _Readiness:
    """Says whether a descriptor can be read without waiting. On Windows nobody can say, so there it always says yes."""

    def __init__(self, fd: int) -> None:
        self._selector = None if _WINDOWS else selectors.DefaultSelector()  # not select(): it knows 1024 descriptors
        if self._selector is not None:
            self._selector.register(fd, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._selector is not None:
            self._selector.close()

    def wait(self, timeout: float) -> bool:
        return self._selector is None or bool(self._selector.select(timeout))


class _Group:
    """A command and all that it has started, found by its process group and by who started whom.

    Agents give the commands that they run sessions of their own, so the group is not all. Descendants get SIGKILL only:
    whoever started them ends them on SIGTERM in its own way.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        import psutil  # noqa: PLC0415 - needed at a violent end only

        self._process = process
        self._descendants: list[psutil.Process] = []
        self._errors = psutil.Error
        with suppress(psutil.Error):
            self._descendants = psutil.Process(process.pid).children(recursive=True)

    def end(self, grace: Callable[[], float]) -> None:
        """Send SIGTERM, and SIGKILL to what is left when `grace()` seconds, asked again and again, are over."""
        began = time.monotonic()
        self._signal(signal.SIGTERM)
        while self._alive() and time.monotonic() - began < grace():
            time.sleep(_TICK)
        self._signal(signal.SIGTERM if _WINDOWS else signal.SIGKILL)
        for descendant in self._descendants:
            with suppress(*[self._errors]):
                descendant.kill()  # refuses if the id belongs to another process by now

    def _alive(self) -> bool:
        return self._process.poll() is None or self._signal(0)

    def _signal(self, number: int) -> bool:
        """Send a signal to the group; False if there is nobody any more."""
        try:
            if _WINDOWS:
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
            return False
        return not _WINDOWS


def _not_started(program: str, error: OSError | ValueError) -> CommandError:
    if isinstance(error, FileNotFoundError):
        missing = f"the command {program!r} was not found; give its path, or extend PATH"
        if error.filename not in (None, program):
            missing = f"the working directory {error.filename!r} does not exist"
        return CommandError(missing, _NOT_FOUND)
    reason = error.strerror if isinstance(error, OSError) else "an argument or a variable cannot be passed on"
    return CommandError(f"the command {program!r} cannot be started: {reason}", _NOT_EXECUTABLE)
