"""The hook for argparse: which of the registered commands was chosen, and which of the registered flags were given."""

from __future__ import annotations

import sys
from functools import partial

from beacon_track import arguments, commands
from beacon_track.quiet import quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence
    from typing import Any, Callable

    from beacon_track.telemetry import Telemetry
    from beacon_track.tracked import Tracked

    Main = Callable[[Namespace], "int | None"]

_UNTRACKED = "__beacon_track_untracked__"


def run(telemetry: Telemetry, parser: ArgumentParser, main: Main, argv: Sequence[str] | None = None) -> int:
    """Parse arguments, call `main`, and record that; see `Telemetry.run`."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    if not telemetry.enabled:
        return _code(main(parser.parse_args(tokens)))
    seen = _Seen(telemetry, parser, tokens)
    quietly(seen.begin)
    try:
        try:
            parsed = parser.parse_args(tokens)
        finally:
            quietly(seen.parsed)
        code = _code(main(parsed))
    except BaseException as error:
        quietly(seen.end, error, None)
        raise
    quietly(seen.end, None, code)
    return code


class _Seen:
    """What is known of one call of an application, from its parsers: they tell which of them is called."""

    def __init__(self, telemetry: Telemetry, parser: ArgumentParser, tokens: Sequence[str]) -> None:
        self._telemetry = telemetry
        self._parser = parser
        self._tokens = tokens
        self._tracked: Tracked | None = None
        self._watched: list[Any] = []
        self._names: tuple[str, ...] = ()
        self._flags: dict[str, None] = {}
        self._untracked = False

    def begin(self) -> None:
        """Start the clock."""
        self._tracked = self._telemetry.track(self._name())
        self._tracked.begin()
        self._watch(self._parser, ())

    def parsed(self) -> None:
        """Leave the parsers as they were, and take what they have told."""
        for parser in self._watched:
            del parser.parse_known_args
        if self._tracked is not None:
            self._tracked.set("beacon.command.name", self._name())
            self._tracked.set("beacon.command.flags", list(self._flags))

    def end(self, error: BaseException | None, code: int | None) -> None:
        """Record it."""
        if self._tracked is not None and not self._untracked:
            self._tracked.exit_code = code
            self._tracked.end(error)

    def _watch(self, parser: ArgumentParser, path: tuple[str, ...]) -> None:
        original = parser.parse_known_args

        def parse(args: Any = None, namespace: Any = None, **more: Any) -> Any:
            self._names = path
            self._untracked = self._untracked or hasattr(parser, _UNTRACKED)
            quietly(_note_flags, parser, list(args or ()), self._flags)
            return original(args, namespace, **more)

        setattr(parser, "parse_known_args", parse)  # noqa: B010 - the method of this one parser
        self._watched.append(parser)
        for name, command in _commands(parser):
            self._watch(command, (*path, name))

    def _name(self) -> str:
        if self._names:
            return ".".join(self._names)
        typed = any(not token.startswith("-") for token in self._tokens)
        has_commands = next(_commands(self._parser), None) is not None
        return arguments.UNKNOWN if typed and has_commands else self._telemetry.settings.app


def add_telemetry_parser(subparsers: Any, telemetry: Telemetry) -> ArgumentParser:
    """Add the commands about telemetry; the namespace's `run` is a function that takes it and returns an exit code.

    Args:
        subparsers: what `parser.add_subparsers()` has returned.
        telemetry: of the application.
    """
    parser: ArgumentParser = subparsers.add_parser("telemetry", help=commands.HELP, description=commands.HELP)
    setattr(parser, _UNTRACKED, True)
    chosen = parser.add_subparsers(dest="telemetry_command", required=True)
    for name, text in commands.COMMANDS.items():
        command = chosen.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", dest="as_json", help="Print JSON.")
        command.set_defaults(run=partial(_run_command, telemetry, name))
    return parser


def _run_command(telemetry: Telemetry, name: str, parsed: Namespace) -> int:
    return commands.run(telemetry, name, parsed.as_json, print, partial(print, file=sys.stderr))


def _commands(parser: ArgumentParser) -> Iterator[tuple[str, ArgumentParser]]:
    """Yield the commands of a parser, each by its first name."""
    known: set[int] = set()
    for action in parser._actions:  # noqa: SLF001 - there is no other way to ask, and it has been so since Python 2.7
        choices = action.choices if hasattr(action, "add_parser") else None
        for name, command in choices.items() if isinstance(choices, dict) else ():
            if id(command) not in known:
                known.add(id(command))
                yield name, command


def _note_flags(parser: ArgumentParser, tokens: Sequence[str], flags: dict[str, None]) -> None:
    """Note which flags of a parser are among tokens, by their longest names."""
    known: dict[str, Action] = parser._option_string_actions  # noqa: SLF001 - as above
    for token in tokens:
        if token == "--":  # noqa: S105 - no password
            return
        action = _action(known, token.partition("=")[0])
        if action is not None:
            flags[max(action.option_strings, key=len)] = None


def _action(known: dict[str, Action], flag: str) -> Action | None:
    """Return what a flag stands for: by its name, a beginning of it that fits one only, or as `-nvalue`."""
    if flag in known or not flag.startswith("-"):
        return known.get(flag)
    if not flag.startswith("--"):
        return known.get(flag[:2])
    fitting = {id(action): action for name, action in known.items() if name.startswith(flag)}
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def _code(result: int | None) -> int:
    return result if isinstance(result, int) else 0
