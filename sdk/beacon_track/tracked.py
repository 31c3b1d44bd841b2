"""Something that begins and ends: a command, a step of it, a call of a tool or a model, a session."""

from __future__ import annotations

import os
import time
from contextvars import ContextVar

from beacon_track import arguments, outcomes
from beacon_track.events import Event
from beacon_track.quiet import quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Callable, TypeVar

    from beacon_track.events import Kind
    from beacon_track.outcomes import Outcome
    from beacon_track.telemetry import Telemetry

    Function = TypeVar("Function", bound=Callable[..., Any])

#: Whether a command runs here: one inside of it is a step of it.
_in_command: ContextVar[bool] = ContextVar("beacon_track_in_command", default=False)
_COROUTINE = 0x80  # inspect.CO_COROUTINE


class Tracked:
    """A context manager and decorator that records what it surrounds; exceptions pass through it unchanged.

    Attributes:
        outcome: how it ended, where the code knows better than its exception and exit code.
        exit_code: of a command, likewise.
    """

    def __init__(self, telemetry: Telemetry, kind: Kind, attributes: Mapping[str, object]) -> None:
        self.outcome: Outcome | None = None
        self.exit_code: int | None = None
        self._telemetry = telemetry
        self._kind: Kind = kind
        self._attributes = dict(attributes)
        self._event: Event | None = None
        self._began = 0
        self._pid = 0

    def set(self, name: str, value: object) -> None:
        """Add an attribute: text, a number, a truth value or a list of texts, below the application's name.

        Names and values are for everybody to read: no arguments, no contents, nothing that names a person.
        """
        self._attributes[name] = value

    def usage(self, *, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """Say how many tokens a call of a model took."""
        counts = {"gen_ai.usage.input_tokens": input_tokens, "gen_ai.usage.output_tokens": output_tokens}
        self._attributes.update({name: count for name, count in counts.items() if count is not None})

    def __enter__(self) -> Tracked:  # noqa: PYI034 - Self is not in Python 3.9
        quietly(self.begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        quietly(self.end, error)

    def __call__(self, function: Function) -> Function:
        """Record each call of a function, or of a coroutine until it is done."""
        if not self._telemetry.enabled:
            return function
        from functools import wraps

        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _COROUTINE:

            @wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return call_async  # type: ignore[return-value] # it is called as the function is

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return call  # type: ignore[return-value] # it is called as the function is

    def begin(self) -> None:
        """Start the clock; a command's beginning is on disk from here on."""
        recorder = self._telemetry.recorder()
        if recorder is None:
            return
        self._pid = os.getpid()
        self._event = Event(self._kind_here(), {})
        if self._event.kind == "session.end":
            recorder.end(Event("session.start", self._attributes))
        if self._event.kind == "command":
            _in_command.set(True)
            self._telemetry.first_command()
            unheard = {"beacon.outcome": "error", "error.type": "process_ended"}
            self._event.attributes = {**self._attributes, **unheard}
            recorder.begin(self._event)
        self._began = time.monotonic_ns()

    def end(self, error: BaseException | None = None) -> None:
        """Stop the clock and record; `error` is what leaves the block. Again, or in a forked child, it does nothing."""
        event, self._event = self._event, None
        recorder = self._telemetry.recorder()
        if event is None or recorder is None or self._pid != os.getpid():
            return
        if event.kind == "command":
            _in_command.set(False)
        event.duration_ms = round((time.monotonic_ns() - self._began) / 1_000_000)
        event.ended = time.time_ns()
        outcome = self._complete(event, error)
        if outcome == "crash" and error is not None and event.kind == "command":
            recorder.hold(event, error)
        else:
            recorder.end(event)

    def _complete(self, event: Event, error: BaseException | None) -> Outcome:
        """Give an event its attributes and return how it ended."""
        outcome, exit_code = outcomes.classify(error, self._telemetry.settings.outcomes)
        if self.exit_code is not None:
            exit_code = self.exit_code
            outcome = outcomes.of_exit_code(exit_code) if error is None else outcome
        outcome = self.outcome if self.outcome in outcomes.OUTCOMES else outcome
        if event.kind != "command" and outcome == "crash":
            outcome = "error"
        found: dict[str, object] = {**self._attributes, "beacon.outcome": outcome}
        if event.kind == "command":
            found["process.exit.code"] = exit_code
        if error is not None and outcome not in ("success", "cancelled") and not isinstance(error, SystemExit):
            found["error.type"] = type(error).__name__
        event.attributes = found
        return outcome

    def _kind_here(self) -> Kind:
        if self._kind == "command" and _in_command.get():
            self._attributes.pop("beacon.command.flags", None)
            self._attributes["beacon.step.name"] = self._attributes.pop("beacon.command.name", arguments.UNKNOWN)
            return "step"
        return self._kind

    def _again(self) -> Tracked:
        return Tracked(self._telemetry, self._kind, self._attributes)
