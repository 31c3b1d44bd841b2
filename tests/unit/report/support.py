"""Events of made-up sessions, as lines of the file exporter."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

from beacon_core import Event, encode_lines

START = 1_795_145_128_000_000_000
SECOND = 1_000_000_000


class Lines:
    """Makes the lines of one session."""

    numbers = itertools.count(1)

    def __init__(self, session: str = "s1", agent: str = "claude_code", **resource: Any) -> None:
        self.session, self.agent, self.resource = session, agent, resource

    def __call__(self, action: str, at: float = 0, *, signal: Any = "log", name: str = "", **more: Any) -> bytes:
        """Return a line; `at` in seconds from the start, `more` attributes with `__` for a dot."""
        members = {key: more.pop(key) for key in ("metric", "span", "resource") if key in more}
        attributes = {
            "beacon.event.kind": "agent_runtime",
            "beacon.agent.name": self.agent,
            "beacon.agent.version": "1.2.3",
            "session.id": self.session,
            "beacon.source": "otlp_log",
            "beacon.event.action": action,
        } | {key.replace("__", "."): value for key, value in more.items()}
        event = Event(
            id=f"made-up-{next(self.numbers)}",
            signal=signal,
            name=name or action,
            time_unix_nano=START + int(at * SECOND),
            attributes={key: value for key, value in attributes.items() if value is not None},
            resource=members.pop("resource", self.resource),
            **members,
        )
        return encode_lines([event])

    def usage(self, at: float = 0, *, cost: float | None = 0.01, model: str = "m1", **more: Any) -> bytes:
        """Return what a request to a model took: 10 + 20 + 30 tokens in, 4 + 1 out."""
        tokens = {
            "beacon.usage.uncached_input_tokens": 10,
            "gen_ai.usage.cache_read.input_tokens": 20,
            "gen_ai.usage.cache_creation.input_tokens": 30,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.reasoning.output_tokens": 1,
            "gen_ai.request.model": model,
            "beacon.usage.counted": True,
            "beacon.usage.source": "log_source",
            "beacon.usage.cost_usd": cost,
        }
        return self(more.pop("action", "token.usage"), at, **(tokens | more))


_TOOLS = (
    ("command.executed", "Bash", {"process__command_line": "pytest -q tests/unit"}),
    ("command.executed", "Bash", {"process__command_line": "git diff --stat"}),
    ("command.executed", "Bash", {"process__command_line": "npm run build"}),
    ("file.read", "Read", {"file__path": "src/app/server.py", "beacon__file__operation": "read"}),
    ("file.modified", "Edit", {"file__path": "src/app/routes.py", "beacon__file__operation": "modify"}),
    ("file.modified", "Write", {"file__path": "tests/test_routes.py", "beacon__file__operation": "create"}),
    ("tool.invoked", "Grep", {}),
    ("mcp.tool_invoked", "search", {"beacon__mcp__server__name": "docs"}),
)


def long_session(minutes: float = 12, seed: int = 7, session: str = "9f1c2a7e-long", **more: Any) -> Iterator[bytes]:
    """Yield the lines of a session as they are: prompts, requests, tools, a few failures."""
    chance, line, calls, now = random.Random(seed), Lines(session, **more), itertools.count(), 0.0
    while now < minutes * 60:
        yield line("prompt.submitted", now, beacon__prompt__text="Fix the failing test of the router, then open a PR")
        for _ in range(chance.randint(4, 14)):
            took = chance.uniform(1, 9)
            now += took
            cached = int(chance.uniform(10_000, 60_000))
            yield line.usage(
                now,
                cost=round(cached * 4e-7 + 0.002, 6),
                model=chance.choice(["claude-opus-5-5"] * 4 + ["claude-haiku-5"]),
                beacon__duration_ms=int(took * 1000),
                gen_ai__usage__cache_read__input_tokens=cached,
                gen_ai__usage__cache_creation__input_tokens=cached // 12,
                gen_ai__usage__output_tokens=chance.randint(80, 2400),
            )
            action, tool, known = chance.choice(_TOOLS)
            took, failed = chance.uniform(0.05, 14 if tool == "Bash" else 1), chance.random() < 0.1
            now += took
            identity = {"gen_ai__tool__name": tool, "gen_ai__tool__call__id": f"call-{next(calls)}"}
            if chance.random() < 0.04:
                yield line("approval.denied", now, beacon__approval__source="user_reject", **identity, **known)
                continue
            outcome = "failure" if failed else "success"
            redacted = {"beacon__redacted": {"github-token": 1, "assignment": 2}} if chance.random() < 0.1 else {}
            yield line(
                action,
                now,
                beacon__outcome=outcome,
                beacon__duration_ms=int(took * 1000),
                **identity,
                **known,
                **redacted,
            )
        now += chance.uniform(5, 40)
    yield line("session.completed", now, beacon__outcome="success")
