"""Codex CLI: `codex exec --json`.

Source: a recording of 0.169.0; item types that it does not have are the vendor's documentation or public issues, not
tried. Specification of the agents' telemetry, section 3.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final

from beacon_core.event import Attributes, Event
from beacon_core.lines.log_event import Members
from beacon_core.lines.streams.stream import AgentStream, mapping, plain, sequence, text, word

_SHELLS: Final = frozenset({"sh", "bash", "zsh"})
_LONGEST_COMMAND: Final = 64 * 1024  # characters of a command whose shell is looked for
#: Members of `usage` -> as the event `codex.sse_event` calls them.
_USAGE: Final = {
    "input_tokens": "input_token_count",
    "cached_input_tokens": "cached_token_count",
    "cache_write_input_tokens": "cache_write_token_count",
    "output_tokens": "output_token_count",
    "reasoning_output_tokens": "reasoning_token_count",
}
_OPERATIONS: Final = {"add": "create", "update": "modify", "delete": "delete"}
_OUTCOMES: Final = {"completed": "true", "failed": "false"}


class CodexStream(AgentStream):
    """The lines of one run of Codex CLI. An item's id is no id of a tool call: over OTLP it has another one."""

    prefix: ClassVar[str] = "codex."
    service: ClassVar[str] = "codex_exec"

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[str, Callable[[dict[str, Any]], Iterator[Attributes]]] = {
            "command_execution": _command,
            "file_change": _file_changes,
            "mcp_tool_call": _mcp_call,
            "agent_message": _message,
            "reasoning": _message,
        }

    @classmethod
    def prints(cls, members: Members) -> bool:
        return members.get("type") == "thread.started" and isinstance(members.get("thread_id"), str)

    def events(self, members: Members, received_unix_nano: int) -> Sequence[Event]:
        self.learn_session(members.get("thread_id"))
        kind = word(members.get("type"))
        if kind == "item.completed":
            item = mapping(members.get("item"))
            what = word(item.get("type"))
            made = self._items.get(what, _other)
            return [self.event(f"item.{what}", members, received_unix_nano, each) for each in made(item)]
        attributes = plain(members, "type", "thread_id", "item", "usage", "error", "message")
        if kind == "turn.completed":
            usage = mapping(members.get("usage"))
            attributes |= {name: usage.get(key) for key, name in _USAGE.items()}
            self.completed = True
            self.result = {"is_error": False, "usage": usage}
        elif kind in {"turn.failed", "error"}:
            said = mapping(members.get("error")).get("message") or members.get("message")
            attributes["error.message"] = said
            self.result = {"is_error": True}
        return [self.event(kind, members, received_unix_nano, attributes)]


def _rest(item: dict[str, Any], *but: str) -> Attributes:
    return {f"item.{key}": value for key, value in plain(item, "type", *but).items()}


def _other(item: dict[str, Any]) -> Iterator[Attributes]:
    yield {"error.message": item.get("message"), **_rest(item, "message")}


def _command(item: dict[str, Any]) -> Iterator[Attributes]:
    code = item.get("exit_code")
    yield {
        "process.command_line": _without_shell(text(item.get("command"))) or None,
        "process.exit.code": code if isinstance(code, int) else None,
        "output": item.get("aggregated_output"),
        "success": "false" if code else _OUTCOMES.get(text(item.get("status"))),
        **_rest(item, "command", "exit_code", "aggregated_output"),
    }


def _file_changes(item: dict[str, Any]) -> Iterator[Attributes]:
    rest = _rest(item, "changes")
    for change in map(mapping, sequence(item.get("changes"))):
        yield {
            "file.path": change.get("path"),
            "beacon.file.operation": _OPERATIONS.get(text(change.get("kind"))),
            "success": _OUTCOMES.get(text(item.get("status"))),
            **rest,
        }


def _mcp_call(item: dict[str, Any]) -> Iterator[Attributes]:
    yield {
        "mcp_server": item.get("server"),
        "tool_name": item.get("tool"),
        "arguments": item.get("arguments"),
        "error.message": mapping(item.get("error")).get("message"),
        "success": _OUTCOMES.get(text(item.get("status"))),
        **_rest(item, "server", "tool", "arguments", "error", "result"),
    }


def _message(item: dict[str, Any]) -> Iterator[Attributes]:
    said = text(item.get("text"))
    yield {"response": said or None, "response_length": len(said), **_rest(item, "text")}


def _without_shell(command: str) -> str:
    """Return what the shell runs of `/bin/bash -lc '...'`: over OTLP it is reported without the shell."""
    if len(command) > _LONGEST_COMMAND:
        return command
    try:
        words = shlex.split(command)
    except ValueError:  # no closing quotation: the client has cut it
        return command
    shell = len(words) == 3 and words[0].rpartition("/")[2] in _SHELLS and words[1] in {"-c", "-lc"}  # noqa: PLR2004
    return words[2] if shell else command
