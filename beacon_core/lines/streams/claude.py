"""Claude Code: `claude -p --output-format stream-json --verbose`.

Source: recordings of 2.1.328 and 2.1.197; specification of the agents' telemetry, section 2.8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final

from beacon_core.event import Attributes, Event
from beacon_core.lines.log_event import Members
from beacon_core.lines.streams.stream import AgentStream, mapping, plain, sequence, text, text_of, word

_TYPES: Final = frozenset({"system", "assistant", "user", "result", "stream_event"})
#: Members that every line has, or that an event has in another form.
_COMMON: Final = ("type", "session_id", "timestamp", "message", "tool_use_result", "tool_result_meta", "uuid")
#: What `session.completed` says by its own names (behaviours A3); counts only where the original has content.
_RESULT: Final = ("is_error", "subtype", "num_turns", "total_cost_usd", "usage")
_MOST_DENIED: Final = 256  # refused calls whose results have not come
_LARGEST: Final = 2**63 - 1
_EXIT_CODE = re.compile(r"Exit code (\d{1,3})\b")
#: Usage by model -> as the event `api_request` calls it.
_USAGE: Final = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_tokens",
    "cacheCreationInputTokens": "cache_creation_tokens",
    "thinkingTokens": "thinking_tokens",
    "costUSD": "cost_usd",
}
#: The same of the member `usage`.
_USAGE_OF_RUN: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_creation_tokens",
}
#: Flags of runs that go on with an earlier session.
_RESUMING: Final = frozenset({"--resume", "-r", "--continue", "-c"})


class ClaudeStream(AgentStream):
    """The lines of one run of Claude Code."""

    prefix: ClassVar[str] = "claude_code."
    service: ClassVar[str] = "claude-code"

    def __init__(self) -> None:
        super().__init__()
        self._denied: set[str] = set()
        self._usage_before: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, Callable[[Members, int], Iterator[Event]]] = {
            "system": self._system,
            "assistant": self._assistant,
            "user": self._user,
            "result": self._result,
        }

    @classmethod
    def prints(cls, members: Members) -> bool:
        known = members.get("type") in _TYPES and isinstance(members.get("session_id"), str)
        return known and ("uuid" in members or members.get("subtype") == "init")

    def events(self, members: Members, received_unix_nano: int) -> Sequence[Event]:
        self.learn_session(members.get("session_id"))
        kind = word(members.get("type"))
        decode = self._lines.get(kind)
        if decode is not None:
            return list(decode(members, received_unix_nano))
        if kind == "stream_event":  # a piece of an answer that comes as a whole, too
            return [self.event(kind, members, received_unix_nano, {})]
        return [self.event(kind, members, received_unix_nano, plain(members, *_COMMON))]

    # ---- system ----

    def _system(self, members: Members, received: int) -> Iterator[Event]:
        subtype = word(members.get("subtype"))
        attributes = plain(members, *_COMMON, "subtype")
        if subtype == "init":
            version = members.get("claude_code_version")
            if isinstance(version, str) and version:
                self.resource = {**self.resource, "service.version": version}
            attributes.pop("claude_code_version", None)
            attributes["permission_mode"] = attributes.pop("permissionMode", None)
        elif subtype == "api_retry":
            attributes["error_type"] = attributes.pop("error", None)
            attributes["status_code"] = attributes.pop("error_status", None)
        elif subtype == "permission_denied":
            call_id = text(members.get("tool_use_id"))
            attributes |= {"decision": "reject", "tool_input": self.call(call_id).arguments or None}
            if len(self._denied) < _MOST_DENIED:
                self._denied.add(call_id)
            subtype = "tool_decision"
        yield self.event(subtype, members, received, attributes)

    # ---- messages ----

    def _assistant(self, members: Members, received: int) -> Iterator[Event]:
        message = mapping(members.get("message"))
        shared = plain(members, *_COMMON)
        shared |= {"model": message.get("model"), "message.id": message.get("id"), "message.uuid": members.get("uuid")}
        for block in sequence(message.get("content")):
            yield from self._answer_block(mapping(block), members, received, shared)

    def _answer_block(
        self, block: dict[str, Any], members: Members, received: int, shared: Attributes
    ) -> Iterator[Event]:
        kind = word(block.get("type"))
        if kind in {"text", "thinking"}:
            said = text(block.get(kind))
            yield self.event(
                kind, members, received, {**shared, "response": said or None, "response_length": len(said)}
            )
        elif kind == "tool_use":
            call_id, tool, given = text(block.get("id")), text(block.get("name")), mapping(block.get("input"))
            self.begin_call(call_id, tool, given)
            call: Attributes = {"tool_name": tool or None, "tool_use_id": call_id or None, "tool_input": given or None}
            yield self.event(kind, members, received, {**shared, **call})
        else:
            yield self.event(kind, members, received, shared)

    def _user(self, members: Members, received: int) -> Iterator[Event]:
        content = mapping(members.get("message")).get("content")
        shared = plain(members, *_COMMON)
        decisions = {text(meta.get("id")): meta for meta in map(mapping, sequence(members.get("tool_result_meta")))}
        said = []
        for block in map(mapping, sequence(content)):
            if block.get("type") == "tool_result":
                meta = decisions.get(text(block.get("tool_use_id")), {})
                yield from self._tool_result(block, meta, members, received, shared)
            else:
                said.append(block)
        words = text_of(said or content)
        if words is not None:
            yield self.event("user", members, received, {**shared, "prompt_length": len(words)})

    def _tool_result(
        self, block: dict[str, Any], meta: dict[str, Any], members: Members, received: int, shared: Attributes
    ) -> Iterator[Event]:
        call_id = text(block.get("tool_use_id"))
        tool, given = self.end_call(call_id)
        call = {"tool_name": tool or None, "tool_use_id": call_id or None, "tool_input": given or None, **shared}
        decision = mapping(meta.get("permission_decision"))
        refused = decision.get("decision") == "reject" or meta.get("non_execution_kind") is not None
        if decision and not (refused and call_id in self._denied):
            said = {key: decision.get(key) for key in ("decision", "source", "reason_type")}
            yield self.event("tool_decision", members, received, {**call, **said})
        if refused:  # it did not run
            self._denied.discard(call_id)
        else:
            yield self.event("tool_result", members, received, {**call, **_answer(block)})

    # ---- the end ----

    def _result(self, members: Members, received: int) -> Iterator[Event]:
        attributes = plain(members, *_COMMON, "result", "modelUsage", "model_usage_since_last_result")
        said = members.get("result") or "\n".join(map(text, sequence(members.get("errors"))))
        if isinstance(said, str) and said:
            attributes |= {"error": said} if members.get("is_error") is True else {"response": said}
            attributes["response_length"] = len(said)
        attributes["permission_denials"] = attributes.pop("permission_denials_count", None)
        self.completed = True
        self.result = {key: attributes[key] for key in (*_RESULT, "permission_denials") if key in attributes}
        yield self.event("result", members, received, {**attributes, **self._usage(members)})

    def _usage(self, members: Members) -> Attributes:
        """Return tokens and cost since the last result line, or since this process began.

        Without `model_usage_since_last_result` (older clients) they are what `modelUsage` has grown by. In a session
        that was resumed that includes earlier runs the first time, so `usage` has to do, without subagents and cost.
        """
        since = members.get("model_usage_since_last_result")
        models = {name: mapping(usage) for name, usage in mapping(members.get("modelUsage")).items()}
        before, self._usage_before = self._usage_before, models
        if isinstance(since, dict):
            used = {name: mapping(usage) for name, usage in since.items()}
        elif self.resumed and not before:
            return {name: _number(mapping(members.get("usage")).get(key)) for key, name in _USAGE_OF_RUN.items()}
        else:
            used = {name: _growth(usage, before.get(name, {})) for name, usage in models.items()}
        totals: Attributes = {}
        for key, name in _USAGE.items():
            numbers = [number for usage in used.values() if (number := _number(usage.get(key))) is not None]
            totals[name] = min(sum(numbers), _LARGEST) if numbers else None
        totals["model"] = next(iter(used)) if len(used) == 1 else None
        return totals


def _answer(block: dict[str, Any]) -> Attributes:
    """Return what a block says about a tool that ran."""
    failed = block.get("is_error") is True
    answer: Attributes = {"success": "false" if failed else "true"}
    said = text_of(block.get("content"))
    if said is not None:
        code = _EXIT_CODE.match(said) if failed else None
        answer["error" if failed else "output"] = said
        answer["exit_code"] = int(code[1]) if code else None
        answer["tool_result_size_bytes"] = len(said.encode("utf-8", "surrogatepass"))
    return answer


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _growth(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    return {key: value - (_number(before.get(key)) or 0) for key, value in now.items() if _number(value) is not None}


def resumes(command: Sequence[str]) -> bool:
    """Return whether a command of Claude Code goes on with an earlier session."""
    return not _RESUMING.isdisjoint(word.partition("=")[0] for word in command)
