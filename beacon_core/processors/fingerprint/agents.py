"""Recognizes the coding agent that runs the process, by what agents set in the environment of their tools."""

from __future__ import annotations

import re
from collections.abc import Mapping

from beacon_core.processors.fingerprint.names import AGENT_NAME, AGENT_VERSION, Found
from beacon_core.processors.fingerprint.table import provider_table
from beacon_core.processors.fingerprint.values import clean

_GENERIC = "AI_AGENT"  # any agent may set it: `name`, `name@version`, `name/version`
_NAMED = re.compile(r"([a-z][a-z0-9_-]{0,63}?)(?:[@/]v?(\d[\w.+-]{0,31}))?", re.ASCII)
#: What agents call themselves there, where that is not the canonical name.
_ALIASES = {"claude": "claude_code", "codex": "codex_cli", "gemini": "gemini_cli", "copilot": "copilot_cli"}


def look_at_agent(environ: Mapping[str, str]) -> dict[str, Found]:
    """Return name and version of the agent (agents.md 5, after std-env 4.3.0); empty if there is none."""
    generic = _NAMED.fullmatch(clean(environ.get(_GENERIC, "")).lower())
    name = generic[1].replace("-", "_") if generic else ""
    name = _ALIASES.get(name, name)
    for agent, variables in provider_table().agents.items():
        variable = next((each for each in variables if clean(environ.get(each, "")) not in {"", "0"}), None)
        if variable is not None:
            found = {AGENT_NAME: Found(agent, variable)}
            return found | (_version(generic) if agent == name else {})
    return {AGENT_NAME: Found(name, _GENERIC), **_version(generic)} if name else {}


def _version(generic: re.Match[str] | None) -> dict[str, Found]:
    return {AGENT_VERSION: Found(generic[2], _GENERIC)} if generic is not None and generic[2] else {}
