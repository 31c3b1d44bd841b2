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

    Main = Callable[[Namespace], "int | None"]

_UNTRACKED = "__beacon_track_untracked__"


def run(telemetry: Telemetry, parser: ArgumentParser, main: Main, argv: Sequence[str] | None = None) -> int:
    """Parse arguments, call `main`, and record that; see `Telemetry.run`."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    if not telemetry.enabled:
        return _code(main(parser.parse_args(tokens)))
    seen: dict[str, Any] = {"names": [], "flags": {}, "untracked": False}
    watched = list(_watch(parser, seen, ()))
    tracked = telemetry.track(_name(telemetry, parser, seen, tokens))
    tracked.begin()
    try:
        try:
            parsed = parser.parse_args(tokens)
        finally:
            for each in watched:
                del each.parse_known_args
            tracked.set("beacon.command.name", _name(telemetry, parser, seen, tokens))
            tracked.set("beacon.command.flags", list(seen["flags"]))
        code = _code(main(parsed))
    except BaseException as error:
        if not seen["untracked"]:
            quietly(tracked.end, error)
        raise
    tracked.exit_code = code
    if not seen["untracked"]:
        quietly(tracked.end)
    return code


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


def _watch(parser: ArgumentParser, seen: dict[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
    """Have a parser and those of its commands note that they were chosen; yield what is to be undone."""
    original = parser.parse_known_args

    def parse(args: Any = None, namespace: Any = None, **more: Any) -> Any:
        if path:
            seen["names"] = list(path)
        seen["untracked"] = seen["untracked"] or hasattr(parser, _UNTRACKED)
        quietly(_note_flags, parser, list(args or ()), seen)
        return original(args, namespace, **more)

    setattr(parser, "parse_known_args", parse)  # noqa: B010 - the method of this one parser
    yield parser
    for name, command in _commands(parser):
        yield from _watch(command, seen, (*path, name))


def _commands(parser: ArgumentParser) -> Iterator[tuple[str, ArgumentParser]]:
    """Yield the commands of a parser, each by its first name."""
    known: set[int] = set()
    for action in parser._actions:  # noqa: SLF001 - there is no other way to ask, and it has been so since Python 2.7
        choices = action.choices if hasattr(action, "add_parser") else None
        for name, command in choices.items() if isinstance(choices, dict) else ():
            if id(command) not in known:
                known.add(id(command))
                yield name, command


def _note_flags(parser: ArgumentParser, tokens: Sequence[str], seen: dict[str, Any]) -> None:
    """Note which flags of a parser are among tokens, by their longest names."""
    known: dict[str, Action] = parser._option_string_actions  # noqa: SLF001 - as above
    for token in tokens:
        if token == "--":  # noqa: S105 - no password
            return
        action = _action(known, token.partition("=")[0])
        if action is not None:
            seen["flags"][max(action.option_strings, key=len)] = None


def _action(known: dict[str, Action], flag: str) -> Action | None:
    """Return what a flag stands for: by its name, a beginning of it that fits one only, or as `-nvalue`."""
    if flag in known or not flag.startswith("-"):
        return known.get(flag)
    if not flag.startswith("--"):
        return known.get(flag[:2])
    fitting = {id(action): action for name, action in known.items() if name.startswith(flag)}
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def _name(telemetry: Telemetry, parser: ArgumentParser, seen: dict[str, Any], tokens: Sequence[str]) -> str:
    if seen["names"]:
        return ".".join(seen["names"])
    typed = any(not token.startswith("-") for token in tokens)
    has_commands = next(_commands(parser), None) is not None
    return arguments.UNKNOWN if typed and has_commands else telemetry.settings.app


def _code(result: int | None) -> int:
    return result if isinstance(result, int) else 0
