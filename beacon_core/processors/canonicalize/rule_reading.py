"""Reads the sections of a table file that say more than names: `rules`, `source`, `refine`, `unnamed`.

By example:

    rules:                          # applied in order to events of agents; the action of a later rule wins
      - event: tool_result          # names or patterns, without the prefix; all events if left out
        signal: log                 # log (if left out), metric, span, or a list
        when: {gen_ai.tool.name: [Bash, PowerShell]}    # see conditions
        action: command.executed
        severity: WARN              # where the source has none
        set: {beacon.file.operation: create}            # the same value for all
        fields:                     # canonical name -> where its value comes from, see expressions
          process.command_line: [tool_input/command, tool_parameters/full_command]
        takes: [cost_usd]           # used up although no field takes it: not in beacon.raw
      - event: feedback_survey
        noise: true                 # left out, unless the option keep_noise is set
    source:                         # what all events of one source have; what an event says itself wins
      set: {gen_ai.provider.name: anthropic}
      fields: {beacon.agent.version: "resource:service.version"}
    refine:                         # attribute -> agent -> values by which it is told from others
      app.entrypoint: {claude_agent_sdk: [sdk-ts, sdk-py]}
    unnamed: {metric: noise}        # events that no table of the file names
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from beacon_core.config import Node, Problems
from beacon_core.config.problems import Path
from beacon_core.processors.canonicalize.conditions import KEYS as CONDITIONS
from beacon_core.processors.canonicalize.conditions import compile_condition
from beacon_core.processors.canonicalize.expressions import compile_expression
from beacon_core.processors.canonicalize.schema import SEVERITIES
from beacon_core.processors.canonicalize.table_file import SIGNALS, Derivation, Refinement, Rule

_KEYS = ("event", "signal", *CONDITIONS, "noise", "action", "severity", "set", "fields", "takes")
_SOURCE_KEYS = ("set", "fields")


class RuleReader:
    """Reads rules; collects problems instead of stopping at the first."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def rules(self, node: Node) -> Iterator[Rule]:
        """Yield the rules of a section."""
        if not isinstance(node.value, list):
            self._problems.add(node.origin, ("rules",), "expected a list")
            return
        for number, item in enumerate(node.value):
            path: Path = ("rules", number)
            if self._is_map(item, path, _KEYS):
                yield self._rule(item, path)

    def source(self, node: Node) -> tuple[Derivation, ...]:
        """Return the fields of the section `source`."""
        return self._fields(node, ("source",)) if self._is_map(node, ("source",), _SOURCE_KEYS) else ()

    def refine(self, node: Node) -> Iterator[Refinement]:
        """Yield what the section `refine` says."""
        for attribute, agents in self._pairs(node, ("refine",)):
            for agent, values in self._pairs(agents, ("refine", attribute)):
                path: Path = ("refine", attribute, agent)
                position = str(agents.keys[agent])
                yield from (Refinement(attribute, value, agent, position) for value in self._words(values, path))

    def unnamed(self, node: Node) -> dict[str, str]:
        """Return the signals whose unnamed events are noise, and where that is said."""
        for signal, word in self._pairs(node, ("unnamed",)):
            if signal not in SIGNALS or word.value != "noise":
                self._problems.add(word.origin, ("unnamed", signal), f"expected noise for one of {', '.join(SIGNALS)}")
        return {signal: str(node.keys[signal]) for signal, _ in _pairs(node)}

    def _rule(self, node: Node, path: Path) -> Rule:
        parts = dict(_pairs(node))
        written = {key: part.plain() for key, part in parts.items() if key in CONDITIONS}
        signals = tuple(self._choices(parts.get("signal"), (*path, "signal"), SIGNALS)) or ("log",)
        severity = tuple(self._choices(parts.get("severity"), (*path, "severity"), tuple(SEVERITIES)))
        self._attempt(node, path, lambda: compile_condition(written))
        return Rule(
            position=str(node.origin),
            signals=signals,
            events=tuple(self._words(parts.get("event"), (*path, "event"))),
            written=written,
            noise=self._flag(parts.get("noise"), (*path, "noise")),
            action=next(iter(self._words(parts.get("action"), (*path, "action"))), ""),
            severity=severity[0] if severity else "",
            fields=self._fields(node, path),
            takes=tuple(self._words(parts.get("takes"), (*path, "takes"))),
        )

    def _flag(self, node: Node | None, path: Path) -> bool | None:
        if node is None or isinstance(node.value, bool):
            return node.value if node is not None else None  # type: ignore[return-value]
        self._problems.add(node.origin, path, "expected true or false")
        return None

    def _fields(self, node: Node, path: Path) -> tuple[Derivation, ...]:
        parts = dict(_pairs(node))
        found: list[Derivation] = []
        if "set" in parts:
            for target, value in self._pairs(parts["set"], (*path, "set")):
                position = str(parts["set"].keys[target])
                if isinstance(value.value, str | int | float):
                    found.append(Derivation(target, position, value.value, constant=True))
                else:
                    self._problems.add(value.origin, (*path, "set", target), "expected a word")
        if "fields" in parts:
            for target, value in self._pairs(parts["fields"], (*path, "fields")):
                plain, position = value.plain(), str(parts["fields"].keys[target])
                place: Path = (*path, "fields", target)
                self._attempt(value, place, lambda plain=plain: compile_expression(plain))  # type: ignore[misc]
                found.append(Derivation(target, position, plain))
        return tuple(found)

    def _attempt(self, node: Node, path: Path, make: Callable[[], object]) -> None:
        """Note what is wrong with what is compiled where it is used."""
        try:
            make()
        except ValueError as error:
            self._problems.add(node.origin, path, str(error))

    def _is_map(self, node: Node, path: Path, keys: tuple[str, ...]) -> bool:
        if not isinstance(node.value, dict):
            self._problems.add(node.origin, path, f"expected a map of {', '.join(keys)}")
            return False
        for key in node.value.keys() - set(keys):
            self._problems.add(node.keys[key], (*path, key), f"unknown key; there are {', '.join(keys)}")
        return True

    def _pairs(self, node: Node, path: Path) -> Iterator[tuple[str, Node]]:
        if not isinstance(node.value, dict):
            self._problems.add(node.origin, path, "expected a map")
        return _pairs(node)

    def _choices(self, node: Node | None, path: Path, known: tuple[str, ...]) -> Iterator[str]:
        for word in self._words(node, path):
            if word in known:
                yield word
            elif node is not None:
                self._problems.add(node.origin, path, f'"{word}" is not one of {", ".join(known)}')

    def _words(self, node: Node | None, path: Path) -> Iterator[str]:
        if node is None:
            return
        for item in node.value if isinstance(node.value, list) else [node]:
            if isinstance(item.value, str | int | float) and item.value != "":
                yield str(item.value).lower() if isinstance(item.value, bool) else str(item.value)
            else:
                self._problems.add(item.origin, path, "expected a word")


def _pairs(node: Node) -> Iterator[tuple[str, Node]]:
    if isinstance(node.value, dict):
        yield from node.value.items()
