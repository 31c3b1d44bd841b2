"""The flags with which coding agents print their stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final, NamedTuple


class _Flags(NamedTuple):
    """What an agent needs.

    Attributes:
        modes: words of which one has to be there: otherwise the agent talks to a person.
        flags: what to add, each with its value.
        allow: the flag for tools that it may use without asking, with its other name; empty if there is none.
    """

    modes: Sequence[str]
    flags: Sequence[Sequence[str]]
    allow: Sequence[str] = ()


# Sources: the agents' own help (Claude Code 2.1, Codex 0.169, Gemini CLI 0.61).
_AGENTS: Final[Mapping[str, _Flags]] = {
    "claude": _Flags(
        ("-p", "--print"),
        (("--verbose",), ("--output-format", "stream-json")),
        ("--allowedTools", "--allowed-tools"),
    ),
    "codex": _Flags(("exec", "e"), (("--json",),)),
    "gemini": _Flags(("-p", "--prompt"), (("--output-format", "stream-json"),)),
}
_SHORT: Final = {"--output-format": "-o"}


class StreamCommand(NamedTuple):
    """A command that prints its agent's stream, as far as flags can make it.

    Attributes:
        words: program and arguments.
        notice: what the user should know, empty if nothing.
    """

    words: list[str]
    notice: str


def stream_command(command: Sequence[str], allowed_tools: Sequence[str] = ()) -> StreamCommand:
    """Return a command with the flags that make its agent print its stream, where it has not said otherwise.

    Args:
        command: is changed only if its program is called as a known agent; a script may call one, which nobody sees.
        allowed_tools: tools that the agent may use without asking, unless the command says it itself.
    """
    words = list(command)
    agent = PurePath(words[0]).stem.lower()
    wanted = _AGENTS.get(agent)
    if wanted is None:
        return StreamCommand(words, "")
    end = words.index("--") if "--" in words else len(words)
    given = {word.partition("=")[0] for word in words[:end]}
    if given.isdisjoint(wanted.modes):
        notice = f"{agent} prints a stream only with {' or '.join(wanted.modes)}; its lines are taken as they are"
        return StreamCommand(words, notice)
    missing = [word for flag in wanted.flags if given.isdisjoint({flag[0], _SHORT.get(flag[0], "")}) for word in flag]
    if allowed_tools and wanted.allow and given.isdisjoint(wanted.allow):
        missing += [wanted.allow[0], ",".join(allowed_tools)]
    return StreamCommand([*words[:end], *missing, *words[end:]], "")
