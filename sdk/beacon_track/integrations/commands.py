"""Follows the commands of click, and of typer, which has a click of its own: nothing is imported from either.

The command's `main` is surrounded. On the way, `make_context` tells which command was chosen with which flags, and
`invoke` sees the exception before `main` makes an exit code of it.
"""

from __future__ import annotations

from contextvars import ContextVar

from beacon_track import arguments
from beacon_track.quiet import quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from beacon_track.telemetry import Telemetry
    from beacon_track.tracked import Tracked

_MARK = "__beacon_track__"
#: Set on commands that are not recorded: those about telemetry itself.
UNTRACKED = "__beacon_track_untracked__"

_run: ContextVar[Run | None] = ContextVar("beacon_track_run", default=None)


def instrument(telemetry: Telemetry, command: Any) -> None:
    """Record what a command of click is called for, where telemetry is allowed; again, it does nothing."""
    if telemetry.enabled and not hasattr(command, _MARK):
        quietly(_surround, telemetry, command)


def _surround(telemetry: Telemetry, command: Any) -> None:
    original = command.main
    setattr(command, _MARK, True)
    setattr(command, "main", lambda *args, **kwargs: follow(telemetry, command, original, args, kwargs))  # noqa: B010


def follow(telemetry: Telemetry, command: Any, main: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a command's `main` and record what becomes of it; what it returns or raises passes unchanged."""
    run = Run(telemetry, command)
    token = _run.set(run)
    try:
        quietly(watch, command)
        result = main(*args, **kwargs)
    except BaseException as error:
        quietly(run.end, error)
        raise
    finally:
        _run.reset(token)
    quietly(run.end, None)
    return result


class Run:
    """What is known of one call of an application."""

    def __init__(self, telemetry: Telemetry, root: Any) -> None:
        self.telemetry = telemetry
        self.root = root
        self.inner: BaseException | None = None
        self.untracked = False
        self._tracked: Tracked | None = None
        self._flags: dict[str, None] = {}

    def begin(self, tokens: list[str]) -> None:
        """Start the clock: the root command reads its arguments."""
        if self._tracked is None:
            has_commands = hasattr(self.root, "resolve_command")
            first = next((token for token in tokens if not token.startswith("-")), "")
            name = arguments.UNKNOWN if has_commands and first else self.telemetry.settings.app
            self._tracked = self.telemetry.track(name or arguments.UNKNOWN)
            self.name(name)
            self._tracked.begin()

    def name(self, name: str) -> None:
        """Take the name of the command that was chosen."""
        if self._tracked is not None:
            self._tracked.set("beacon.command.name", name)

    def flags(self, names: list[str]) -> None:
        """Add the names of flags that were given."""
        self._flags.update(dict.fromkeys(names))
        if self._tracked is not None and self._flags:
            self._tracked.set("beacon.command.flags", list(self._flags))

    def end(self, error: BaseException | None) -> None:
        """Record it: the exception that was seen inside says more than the exit code that was made of it."""
        tracked = self._tracked
        if tracked is None or self.untracked:
            return
        if isinstance(error, SystemExit) and self.inner is not None and not _says_exit_code(self.inner):
            code = error.code if isinstance(error.code, int) else 1
            tracked.exit_code = code
            error = self.inner
        tracked.end(error)


def watch(command: Any) -> None:
    """Have a command, and those below it as they are chosen, tell the run what happens; once for each command."""
    if hasattr(command, f"{_MARK}watched"):
        return
    setattr(command, f"{_MARK}watched", True)
    _watch_context(command)
    _watch_invoke(command)
    if hasattr(command, "resolve_command"):
        _watch_choice(command)


def _watch_context(command: Any) -> None:
    make_context = command.make_context

    def make(info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        run = _run.get()
        if extra.get("resilient_parsing"):  # shell completion only looks
            run = None
        if run is not None and command is run.root:
            quietly(run.begin, list(args))
        if run is not None:
            quietly(_note_name, run, command, parent)
        context = make_context(info_name, args, parent=parent, **extra)
        if run is not None:
            quietly(_note_flags, run, context)
        return context

    setattr(command, "make_context", make)  # noqa: B010 - the method of this one command


def _watch_invoke(command: Any) -> None:
    invoke = command.invoke

    def call(context: Any) -> Any:
        try:
            return invoke(context)
        except BaseException as error:
            run = _run.get()
            if run is not None and run.inner is None:
                run.inner = error
            raise

    setattr(command, "invoke", call)  # noqa: B010 - likewise


def _watch_choice(group: Any) -> None:
    resolve = group.resolve_command

    def resolved(context: Any, args: Any) -> Any:
        found = resolve(context, args)
        if found[1] is not None:
            quietly(watch, found[1])
        return found

    setattr(group, "resolve_command", resolved)  # noqa: B010


def _note_name(run: Run, command: Any, parent: Any) -> None:
    """Take the name of a command that was chosen, below those above it; of chained commands, the last."""
    names: list[str] = []
    while parent is not None and command is not run.root:
        names.insert(0, _registered_name(parent, command))
        run.untracked = run.untracked or hasattr(command, UNTRACKED)
        command, parent = parent.command, parent.parent
    if names:
        run.name(arguments.UNKNOWN if arguments.UNKNOWN in names else ".".join(names))


def _note_flags(run: Run, context: Any) -> None:
    run.flags([flag for parameter in context.command.params for flag in _given(context, parameter)])


def _registered_name(parent: Any, command: Any) -> str:
    """Return a command's name if its group lists it: one that was made up for what the user typed is `unknown`."""
    group, name = parent.command, command.name
    known = name in getattr(group, "commands", {}) or name in group.list_commands(parent)
    return name if known and isinstance(name, str) else arguments.UNKNOWN


def _given(context: Any, parameter: Any) -> list[str]:
    """Return the name of an option if it stands on the command line."""
    source = context.get_parameter_source(parameter.name)
    if getattr(parameter, "param_type_name", "") != "option" or getattr(source, "name", "") != "COMMANDLINE":
        return []
    return [max(parameter.opts, key=len)]


def _says_exit_code(error: BaseException) -> bool:
    return isinstance(error, SystemExit) or type(error).__name__ == "Exit"
