"""The table of the agents' environment variables, `agents.toml`: its shape, and how it is read."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

import msgspec

ContentLevel = Literal["metadata", "redacted", "full"]

#: The signals of OpenTelemetry, as they are called in the names of variables.
SIGNALS = ("METRICS", "LOGS", "TRACES")

_SIGNAL = "{SIGNAL}"


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One environment variable; the members are explained in `agents.toml`."""

    name: str
    why: str
    agents: tuple[str, ...] = ()
    value: str | None = None
    traces: str | None = None
    debug: str | None = None
    content: dict[ContentLevel, str] = {}
    keep: bool = False
    computed: Literal["", "resource_attributes", "traceparent", "no_proxy", "codex_home"] = ""
    clear: Literal["", "always", "metadata"] = ""
    instead: str = ""
    exported: bool = True
    warn: str = ""
    warning: str = ""
    warns: tuple[str, ...] = ()
    stop: str | None = None

    def concerns(self, harnesses: frozenset[str]) -> bool:
        """Return whether the variable is one of the agents that are asked for."""
        return not self.agents or not harnesses.isdisjoint(self.agents)

    def chosen(self, content: ContentLevel, *, traces: bool, debug: bool) -> str | None:
        """Return the value for what was asked, as the table has it; None if there is none."""
        if traces and self.traces is not None:
            return self.traces
        if debug and self.debug is not None:
            return self.debug
        return self.content.get(content, self.value)

    def cleared(self, content: ContentLevel) -> bool:
        """Return whether the variable is removed at a content level."""
        return self.clear == "always" or (self.clear == "metadata" and content == "metadata")

    def warning_about(self, given: str, harnesses: frozenset[str]) -> str:
        """Return what there is to say about the job's value, without the value; empty if nothing."""
        worth_it = given and self.warn in {"*", given.strip().lower()}
        concerned = not self.warns or not harnesses.isdisjoint(self.warns)
        return f"{self.name} is set: {self.warning}" if self.warn and worth_it and concerned else ""


def described_variables() -> tuple[Variable, ...]:
    """Return the table as it is written, for the reference page: one row for the three signals."""
    import tomllib  # noqa: PLC0415 - the commands that start nothing have no use for it

    text = Path(__file__).with_name("agents.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["variable"], tuple[Variable, ...])


@functools.cache
def variables() -> tuple[Variable, ...]:
    """Return every variable of the table, those of the signals one by one. Read when it is first asked for."""
    return tuple(each for variable in described_variables() for each in _by_signal(variable))


def _by_signal(variable: Variable) -> tuple[Variable, ...]:
    if _SIGNAL not in variable.name:
        return (variable,)
    return tuple(
        msgspec.structs.replace(
            variable,
            name=variable.name.replace(_SIGNAL, signal),
            instead=variable.instead.replace("{signal}", signal.lower()),
        )
        for signal in SIGNALS
    )
