"""The environment of coding agents: what sends their telemetry to Beacon, and nothing past it (behaviours C13 to C15).

One function serves `beacon ci exec`, `start` and `print-env`. What is about single variables stands in `agents.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from beacon_core.ci.codex import original_codex_home
from beacon_core.ci.computed import COMPUTED, Asked
from beacon_core.ci.harnesses import HARNESSES
from beacon_core.ci.variables import ContentLevel, Variable, variables
from beacon_core.errors import ConfigurationError

_ENDPOINT = re.compile(r"https?://(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::[1-9]\d{0,4})?(?:/[\w./-]*)?", re.ASCII)


@dataclass(frozen=True)
class AgentEnvironment:
    """What to change in an environment for the agents.

    Attributes:
        set: variables to set.
        unset: variables to remove, whether or not the job has set them.
        warnings: sentences for the user, without values of the job.
        exported: what a file gets (GITHUB_ENV, dotenv), which can set but not remove: `set`, and a harmless value for
            each variable to remove that the job has set.
    """

    set: Mapping[str, str]
    unset: frozenset[str]
    warnings: Sequence[str]
    exported: Mapping[str, str] = field(repr=False)

    def apply(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return a changed copy of an environment."""
        return {name: value for name, value in environ.items() if name not in self.unset} | dict(self.set)


def agent_environment(
    harnesses: Sequence[str],
    http_endpoint: str,
    *,
    base: Mapping[str, str],
    content: ContentLevel,
    run_attributes: Mapping[str, str],
    base_dir: Path,
    traces: bool = False,
    debug: bool = False,
) -> AgentEnvironment:
    """Return what agents need to send their telemetry to an endpoint.

    For Codex a folder is made in `base_dir`; where that fails there is a warning, since telemetry must not keep the
    command from running (P9). Nothing else is written.

    Args:
        harnesses: some of `HARNESSES`.
        http_endpoint: where Beacon listens for OTLP over HTTP, such as `http://127.0.0.1:4318`.
        base: the job's environment; what it has set is kept where `agents.toml` says so.
        content: how much the agents are asked for.
        run_attributes: see `run_attributes` in `run.py`.
        base_dir: an existing folder for what agents keep, mode 0700; see `Places.agents`.
        traces: ask for spans, too.
        debug: have agents report what they cannot send.

    Raises:
        ConfigurationError: an unknown agent, or an endpoint that is none.
    """
    asked = Asked(
        frozenset(_known(harnesses)), _checked(http_endpoint), base, content, run_attributes, base_dir, traces, debug
    )
    chosen: dict[str, str] = {}
    warnings: list[str] = []
    concerned = [variable for variable in variables() if variable.concerns(asked.harnesses)]
    for variable in concerned:
        value = _value(variable, asked, warnings)
        if value is not None:
            chosen[variable.name] = value
        warnings += filter(None, [variable.warning_about(base.get(variable.name, ""), asked.harnesses)])
    removed = [each for each in concerned if each.cleared(content)]
    instead = {
        each.name: each.instead.replace("{endpoint}", asked.endpoint)
        for each in removed
        if each.exported and base.get(each.name)
    }
    return AgentEnvironment(chosen, frozenset(each.name for each in removed), tuple(warnings), chosen | instead)


def neutralized(exported: Iterable[str], *, base_dir: Path) -> dict[str, str]:
    """Return what `beacon ci stop` exports, so that agents of later steps send nothing to the closed port.

    Args:
        exported: the names that `start` exported; of no others anything is said.
        base_dir: the folder for what agents keep, for the user's own `CODEX_HOME`.
    """
    names = {*exported}
    found: dict[str, str] = {}
    for variable in variables():
        if variable.name not in names or variable.stop is None:
            continue
        if variable.computed == "codex_home":
            original = original_codex_home(base_dir)
            found |= {variable.name: str(original)} if original is not None else {}
        else:
            found[variable.name] = variable.stop
    return found


def _value(variable: Variable, asked: Asked, warnings: list[str]) -> str | None:
    if variable.keep and asked.base.get(variable.name):
        return None
    if variable.computed:
        made = COMPUTED[variable.computed](variable.name, asked)
        warnings += made.warnings
        return made.value
    value = variable.chosen(asked.content, traces=asked.traces, debug=asked.debug)
    return value if value is None else value.replace("{endpoint}", asked.endpoint)


def _known(harnesses: Sequence[str]) -> Sequence[str]:
    for harness in harnesses:
        if harness not in HARNESSES:
            raise ConfigurationError(f'unknown agent "{harness}"; there are {", ".join(HARNESSES)}')
    return harnesses


def _checked(endpoint: str) -> str:
    """Return an endpoint without the slash at its end."""
    if not _ENDPOINT.fullmatch(endpoint):
        raise ConfigurationError("the endpoint for agents has to be an address such as http://127.0.0.1:4318")
    return endpoint.rstrip("/")
