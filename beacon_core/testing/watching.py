"""What the contracts watch: what a call touches, what it leaves open, and whether it ever ends."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_STEP = 0.005

#: Starts of the audit events (Python documentation, "Audit events table") of everything outside of the interpreter.
_TOUCHES = (
    "open",
    "os.",
    "socket.",
    "_thread.start",
    "subprocess.",
    "sqlite3.connect",
    "shutil.",
    "tempfile.",
    "glob.",
)
_READS = ("os.listdir", "os.scandir", "glob.", "socket.gethostname")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watched = threading.local()


def require(condition: object, message: str) -> None:
    """Fail a check with what is wrong and what to do about it.

    Raises:
        AssertionError: `condition` does not hold.
    """
    __tracebackhide__ = True
    if not condition:
        raise AssertionError(message)


def wait_until(condition: Callable[[], object], patience: float, message: str) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it has not come true within `patience` seconds.
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + patience
    while not condition():
        require(time.monotonic() < deadline, message)
        time.sleep(_STEP)


class Call(Generic[T]):
    """A call that runs in a thread of its own, so that a test goes on even if it never ends."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._result: list[T] = []
        self._thread = threading.Thread(target=self._run, name="contract-call", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def result_within(self, seconds: float) -> T | None:
        """Return the result if there is one within so many seconds, None if not; raises what the call raised."""
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return self._result[0] if self._result else None

    def result(self, patience: float, message: str) -> T:
        """Return the result; raises what the call raised.

        Raises:
            AssertionError: the call has not ended within `patience` seconds.
        """
        __tracebackhide__ = True
        self._thread.join(patience)
        require(not self._thread.is_alive(), f"{message} (waited for {patience:g} s)")
        if self._error is not None:
            raise self._error
        return self._result[0]


def bounded(function: Callable[[], T], patience: float, message: str) -> T:
    """Call a function in another thread and return its result, or fail if it does not end. See `Call.result`."""
    __tracebackhide__ = True
    return Call(function).result(patience, message)


# ---- what a call touches ----


@contextmanager
def touched() -> Iterator[list[str]]:
    """Note which files, sockets, threads and processes this thread touches meanwhile: what it reads and changes."""
    with _noted(lambda _event, _arguments: True) as doings:
        yield doings


@contextmanager
def changed() -> Iterator[list[str]]:
    """Note what this thread changes meanwhile outside of the interpreter; reading is no change."""
    with _noted(lambda event, arguments: not _only_reads(event, arguments)) as doings:
        yield doings


@contextmanager
def _noted(wanted: Callable[[str, tuple[Any, ...]], bool]) -> Iterator[list[str]]:
    _install_hook()
    doings: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if wanted(event, arguments):
            doings.append(_describe(event, arguments))

    threads = set(threading.enumerate())
    _watched.note = note
    try:
        yield doings
    finally:
        _watched.note = None
        doings += [f"thread {thread.name}" for thread in set(threading.enumerate()) - threads]  # no audit before 3.12


@cache  # a hook cannot be removed; it does nothing in threads that nobody watches
def _install_hook() -> None:
    watched, touches = _watched, _TOUCHES  # globals may be gone when the interpreter ends

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        note = getattr(watched, "note", None)
        if note is not None and event.startswith(touches):
            note(event, arguments)

    sys.addaudithook(hook)


def _only_reads(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return "__pycache__" in str(arguments[0]) or not (arguments[2] or 0) & _WRITE_FLAGS
    return event.startswith(_READS)


def _describe(event: str, arguments: tuple[Any, ...]) -> str:
    return f"{event} {arguments[0]!r}" if arguments and isinstance(arguments[0], str | bytes | int) else event


# ---- what stays open ----


def open_things() -> set[str]:
    """Return the threads and, where the system tells, the open descriptors of this process."""
    threads = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    return threads | set(_descriptors(Path("/proc/self/fd")))


def _descriptors(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            yield f"descriptor {entry.name} ({entry.readlink()})"
        except OSError:
            continue  # the one that `iterdir` itself has open
