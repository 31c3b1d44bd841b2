"""The reference page about the environment of agents, from the table that Beacon interprets; see reference.py."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tomli_w

from beacon_core.ci.codex import CREDENTIALS, STATE, otel_table
from beacon_core.ci.resource_attributes import MAX_NAMES, OWN
from beacon_core.ci.variables import Variable, described_variables
from beacon_core.processors.fingerprint.names import RUN_ID, TOLD

Row = tuple[str, ...]
Table = Callable[[Row, list[Row]], str]
PROSE: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
HEAD = ("variable", "value", "after `stop`", "why")
AGENTS = {"claude": "Claude Code", "codex": "Codex", "gemini": "Gemini CLI", "copilot": "Copilot CLI"}
COMPUTED = {
    "resource_attributes": "the job's, and [those of the run](#attributes-of-the-run)",
    "traceparent": "a new one",
    "no_proxy": "the job's, and `127.0.0.1,localhost`",
    "codex_home": "[a folder of Beacon's](#codex)",
}


def parts(table: Table) -> Iterator[str]:
    """Yield the page's parts; `table` makes a Markdown table."""
    listed = described_variables()
    yield from ("# Environment of agents", PROSE["before"].strip(), PROSE["columns"].strip(), "## Every agent")
    yield table(HEAD, [row(each) for each in listed if not each.agents])
    for agent, title in AGENTS.items():
        yield f"## {title}"
        yield f"With `--harness {agent}`."
        yield table(HEAD, [row(each) for each in listed if agent in each.agents])
        if agent == "codex":
            yield from codex_parts()
    own, others = ([name for name in TOLD if name.startswith(OWN) is ours and name != RUN_ID] for ours in (True, False))
    run = PROSE["run"].strip().replace("{names}", str(MAX_NAMES))
    yield "## Attributes of the run"
    yield run.replace("{others}", quoted([RUN_ID, *others])).replace("{own}", quoted(own))


def codex_parts() -> Iterator[str]:
    """Yield what the folder for Codex holds."""
    made = {"otel": otel_table("http://127.0.0.1:4318", log_prompts=True, traces=False)}
    yield PROSE["codex"].strip()
    yield f"```toml\n{tomli_w.dumps(made).strip()}\n```"
    yield PROSE["codex_folder"].strip().replace("{credentials}", quoted(CREDENTIALS)).replace("{state}", quoted(STATE))


def row(variable: Variable) -> Row:
    """Return the row of a variable, or of three."""
    stop = variable.stop
    if variable.computed == "codex_home":
        after = "the job's"
    else:
        after = "" if stop is None else f"`{stop}`" if stop else "empty"
    return (f"`{variable.name}`", value(variable), after, variable.why)


def value(variable: Variable) -> str:
    """Return what Beacon does with a variable, in words."""
    if variable.clear:
        return cleared(variable)
    if variable.content:
        return ", ".join(f"`{level}`: `{each}`" for level, each in variable.content.items())
    said = COMPUTED.get(variable.computed) or (f"`{shown(variable.value)}`" if variable.value is not None else "")
    for option, other in (("--traces", variable.traces), ("--debug", variable.debug)):
        if other is not None:
            said = f"{said}, with `{option}` `{other}`".removeprefix(", ")
    if variable.keep:
        said += ", unless the job sets it"
    return said or "left alone"


def cleared(variable: Variable) -> str:
    """Return how a variable is got rid of, in words."""
    said = "removed" if variable.clear == "always" else f"removed with `{variable.clear}`"
    if not variable.exported:
        return f"{said}; not exported"
    return f"{said}; exported as `{shown(variable.instead)}`" if variable.instead else said


def shown(text: str | None) -> str:
    """Return a value with its placeholders for people."""
    return (text or "").replace("{endpoint}", "ENDPOINT").replace("{signal}", "SIGNAL")


def quoted(words: Sequence[str]) -> str:
    """Return words as code."""
    return ", ".join(f"`{word}`" for word in words)
