"""Gemini CLI: `gemini -p ... --output-format stream-json`.

Source: a recording of 0.61.0; lines of the type `error` are the vendor's documentation, not tried. Specification of the
agents' telemetry, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from beacon_core.event import Attributes, Event
from beacon_core.lines.log_event import Members
from beacon_core.lines.streams.stream import AgentStream, mapping, plain, text, word

_COMMON: Final = ("type", "session_id", "timestamp")
#: Members of `stats` -> as the event `gemini_cli.api_response` calls them.
_USAGE: Final = {
    "input_tokens": "input_token_count",
    "output_tokens": "output_token_count",
    "cached": "cached_content_token_count",
    "total_tokens": "total_token_count",
}


class GeminiStream(AgentStream):
    """The lines of one run of Gemini CLI."""

    prefix: ClassVar[str] = "gemini_cli."
    service: ClassVar[str] = "gemini-cli"

    @classmethod
    def prints(cls, members: Members) -> bool:
        said = isinstance(members.get("session_id"), str) and isinstance(members.get("model"), str)
        return members.get("type") == "init" and said

    def events(self, members: Members, received_unix_nano: int) -> Sequence[Event]:
        self.learn_session(members.get("session_id"))
        kind = word(members.get("type"))
        name, attributes = kind, plain(members, *_COMMON)
        if kind == "message":
            name, attributes = self._message(members)
        elif kind == "tool_use":
            attributes = self._tool_use(members)
        elif kind == "tool_result":
            attributes = self._tool_result(members)
        elif kind == "result":
            attributes = self._result(members)
        elif kind == "error":
            attributes["error.message"] = attributes.pop("message", None)
        return [self.event(name, members, received_unix_nano, attributes)]

    @staticmethod
    def _message(members: Members) -> tuple[str, Attributes]:
        said = text(members.get("content"))
        shared = plain(members, *_COMMON, "content", "role")
        if members.get("role") == "user":
            return "user", {"prompt": said or None, "prompt_length": len(said), **shared}
        return "message", {"response": said or None, "response_length": len(said), **shared}

    def _tool_use(self, members: Members) -> Attributes:
        call_id, tool, given = text(members.get("tool_id")), text(members.get("tool_name")), members.get("parameters")
        self.begin_call(call_id, tool, mapping(given))
        shared = plain(members, *_COMMON, "tool_id", "tool_name", "parameters")
        called = {"function_name": tool or None, "gen_ai.tool.call.id": call_id or None, "function_args": given}
        return {**shared, **called}

    def _tool_result(self, members: Members) -> Attributes:
        call_id = text(members.get("tool_id"))
        tool, given = self.end_call(call_id)
        error = mapping(members.get("error"))
        failed = members.get("status") not in {None, "success"}
        said = text(members.get("output"))
        return {
            **plain(members, *_COMMON, "tool_id", "output", "error", "status"),
            "function_name": tool or None,
            "function_args": given or None,
            "gen_ai.tool.call.id": call_id or None,
            "success": "false" if failed else "true",
            "gen_ai.tool.call.result": said or None,
            "error": error.get("message") or (said if failed else None) or None,
            "error_type": error.get("type"),
            "content_length": len(said.encode("utf-8", "surrogatepass")),
        }

    def _result(self, members: Members) -> Attributes:
        stats, error = mapping(members.get("stats")), mapping(members.get("error"))
        attributes = plain(members, *_COMMON, "stats", "error")
        attributes |= {name: stats.get(key) for key, name in _USAGE.items()}
        attributes |= plain(stats, *_USAGE, "models", "input")
        attributes |= {"error": error.get("message"), "error_type": error.get("type")}
        models = list(mapping(stats.get("models")))
        attributes["model"] = models[0] if len(models) == 1 else None
        attributes["thoughts_token_count"] = _thoughts(stats)
        self.completed = True
        self.result = {"is_error": members.get("status") != "success", "usage": stats}
        return attributes


def _thoughts(stats: Members) -> int | None:
    """Return the tokens of thoughts, which are the rest of the total (of the recorded session, too)."""
    total, given, answered = (stats.get(key) for key in ("total_tokens", "input_tokens", "output_tokens"))
    if not (isinstance(total, int) and isinstance(given, int) and isinstance(answered, int)):
        return None
    return max(total - given - answered, 0)
