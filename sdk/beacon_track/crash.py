"""Crash reports: what nobody has caught in the program, its threads and its event loops [T5].

The hooks that were there before are called as ever, and print the traceback without the frames of this package.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from types import FrameType, TracebackType
    from typing import Any, Callable

    Report = Callable[[BaseException, str], None]

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_HANDLER = "__beacon_track__"
_MAX_FRAMES = 100
_MAX_STACK = 4096
#: Ends that somebody meant, by the names of classes: of Python, asyncio, click and typer.
_DELIBERATE = frozenset(("SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError", "Exit", "Abort"))

_reports: list[Report] = []
_previous: list[Callable[..., Any]] = []
_previous_of_threads: list[Callable[..., Any]] = []
_depth = 0


def listen(report: Report) -> None:
    """Have crashes reported; again and again, since frameworks put their own hooks over ours."""
    import threading

    if report not in _reports:
        _reports.append(report)
    if sys.excepthook is not _excepthook:
        if sys.excepthook in _previous:
            _previous.remove(sys.excepthook)
        _previous.append(sys.excepthook)
        sys.excepthook = _excepthook
    if threading.excepthook is not _thread_excepthook:
        _previous_of_threads.append(threading.excepthook)
        threading.excepthook = _thread_excepthook


def watch_loop(report: Report, loop: asyncio.AbstractEventLoop | None) -> None:
    """Have what an event loop tells its exception handler reported, before its handler gets it."""
    import asyncio

    watched = loop or asyncio.get_running_loop()
    previous = watched.get_exception_handler()
    if hasattr(previous, _HANDLER):
        return

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            report(error, "asyncio")
        if previous is None:
            loop.default_exception_handler(context)
        else:
            previous(loop, context)

    setattr(handle, _HANDLER, True)
    watched.set_exception_handler(handle)


def watch_running_loop(report: Report) -> None:
    """Do so for the loop that runs here, if one does; asyncio is not imported for that."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the one that does not raise
        watch_loop(report, None)


def is_deliberate(error: BaseException) -> bool:
    """Return whether this is how a program ends on purpose."""
    return any(kind.__name__ in _DELIBERATE for kind in type(error).__mro__)


def attributes(error: BaseException, source: str) -> dict[str, object]:
    """Return what a crash report says; nothing in it is clean yet but the stack, which has no texts of the program."""
    return {
        "exception.type": _type_name(error),
        "exception.message": _message(error),
        "exception.stacktrace": stack(error),
        "beacon.outcome": "crash",
        "beacon.crash.source": source,
    }


def stack(error: BaseException) -> str:
    """Return the frames of an exception and of those that led to it, the innermost last; no source, no values.

    A frame is `module:line function`. What is too long loses its beginning.
    """
    lines: list[str] = []
    for each in _chain(error):
        led_to = ["which led to"] if lines else []
        lines = [*_frames(each.__traceback__), _type_name(each), *led_to, *lines]
    text = "\n".join(lines)
    if len(text) <= _MAX_STACK:
        return text
    mark = "[TRUNCATED]\n"
    tail = text[len(mark) - _MAX_STACK :]
    return mark + tail.partition("\n")[2]


def without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of this package; it is changed for that."""
    while traceback is not None and _is_own(traceback):
        traceback = traceback.tb_next
    current = traceback
    while current is not None:
        following = current.tb_next
        while following is not None and _is_own(following):
            following = following.tb_next
        if following is not current.tb_next:
            current.tb_next = following
        current = following
    return traceback


def _excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    global _depth  # noqa: PLW0603 - hooks may call each other in a circle
    _depth += 1
    try:
        if _depth == 1:
            _tell(error, "main")
            traceback = _stripped(error, traceback)
        previous = _previous[-_depth] if _depth <= len(_previous) else sys.__excepthook__
        previous(kind, error, traceback)
    finally:
        _depth -= 1


def _thread_excepthook(arguments: Any) -> None:
    import threading

    error = arguments.exc_value
    if error is not None and _depth == 0:
        _tell(error, "thread")
        traceback = _stripped(error, arguments.exc_traceback)
        arguments = threading.ExceptHookArgs((arguments.exc_type, error, traceback, arguments.thread))
    _previous_of_threads[-1](arguments)


def _tell(error: BaseException, source: str) -> None:
    for report in tuple(_reports):
        report(error, source)


def _stripped(error: BaseException, traceback: TracebackType | None) -> TracebackType | None:
    for each in _chain(error):
        each.__traceback__ = without_own_frames(each.__traceback__)
    return without_own_frames(traceback)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that led to it, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MAX_FRAMES:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _frames(traceback: TracebackType | None) -> list[str]:
    lines = []
    while traceback is not None:
        if not _is_own(traceback):
            frame = traceback.tb_frame
            lines.append(f"{_module(frame)}:{traceback.tb_lineno} {frame.f_code.co_name}")
        traceback = traceback.tb_next
    return lines[-_MAX_FRAMES:]


def _module(frame: FrameType) -> str:
    """Return a module's name, of a script that of its file: nobody's directories."""
    name = frame.f_globals.get("__name__")
    if isinstance(name, str) and name != "__main__":
        return name
    return os.path.basename(frame.f_code.co_filename.replace("\\", "/"))


def _is_own(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith(_OWN)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - the program's own __str__
        return f"<{type(second).__name__} in __str__>"
