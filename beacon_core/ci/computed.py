"""Values of variables that depend on the job: made by the function that `agents.toml` names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from beacon_core.ci.codex import CodexHomeError, make_codex_home
from beacon_core.ci.resource_attributes import merge
from beacon_core.ci.variables import ContentLevel

_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Asked:
    """What an environment is made for; the arguments of `agent_environment`."""

    harnesses: frozenset[str]
    endpoint: str
    base: Mapping[str, str]
    content: ContentLevel
    run_attributes: Mapping[str, str]
    base_dir: Path
    traces: bool
    debug: bool


class Made(NamedTuple):
    """A value, None to leave the variable alone, and what the user should know."""

    value: str | None
    warnings: tuple[str, ...] = ()


def resource_attributes(_name: str, asked: Asked) -> Made:
    """Return the job's attributes and the run's."""
    merged = merge(asked.base.get("OTEL_RESOURCE_ATTRIBUTES", ""), asked.run_attributes)
    return Made(merged.text or None, merged.warnings)


def traceparent(_name: str, _asked: Asked) -> Made:
    """Return a new trace, sampled (W3C Trace Context). All zeros, which would be invalid, is not to be feared."""
    return Made(f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01")


def no_proxy(name: str, asked: Asked) -> Made:
    """Return the job's list with the machine itself in it; one line, whatever the job's was."""
    if name.islower() and not asked.base.get(name):
        return Made(None)
    given = next((value for each in (name, name.swapcase()) if (value := asked.base.get(each))), "")
    hosts = [host for host in re.split(r"[,\s\0]+", given) if host]
    if "*" in hosts:
        return Made("*")
    return Made(",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)]))


def codex_home(name: str, asked: Asked) -> Made:
    """Return the folder that Codex is told to use instead of the user's, made and filled."""
    try:
        home = make_codex_home(
            asked.base_dir, asked.base, asked.endpoint, log_prompts=asked.content != "metadata", traces=asked.traces
        )
    except CodexHomeError as error:
        return Made(None, (f"{name} is left as it is, so that Codex sends no telemetry: {error}",))
    return Made(str(home.path), home.warnings)


COMPUTED: dict[str, Callable[[str, Asked], Made]] = {
    "resource_attributes": resource_attributes,
    "traceparent": traceparent,
    "no_proxy": no_proxy,
    "codex_home": codex_home,
}
