"""Reads table files: YAML to entries that know where they stand.

A table file (all sections and keys are optional):

    agent: claude_code            # or a list: the file is about events of these agents only
    prefix: claude_code.          # what the names of these events begin with, or leave out
    agents:                       # agent -> patterns (with *) of service and scope names, the first match wins
      claude_code: ["*claude*"]
    events:                       # canonical name -> aliases, the same in the sections below
      prompt.submitted: [user_prompt]
    attributes:                   # of two aliases in one event the first here is taken, the other keeps its name
      gen_ai.tool.name: [tool_name]
    values:                       # by the attribute's canonical name; true and 5 are the words "true" and "5" here
      beacon.approval.decision:
        allowed: [accept, approve]
        "": [<REDACTED>]          # stands for nothing: the attribute is left out (of events of agents)
    types:                        # by the attribute's canonical name: int, float, bool, string
      beacon.duration_ms: int
    unknown_with: [gen_ai.operation.name]   # it is also about agents that nobody knows, if an event has this

and what `rule_reading` reads: rules, source, refine, unnamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from beacon_core.config import Node, Origin, Problems, parse_text
from beacon_core.config.problems import Path
from beacon_core.processors.canonicalize.rule_reading import RuleReader
from beacon_core.processors.canonicalize.table_file import RULE_SECTIONS, SECTIONS, Entry, TableFile

TYPES = ("int", "float", "bool", "string")
_KEYS = ("agent", "prefix", "unknown_with", *SECTIONS, *RULE_SECTIONS)


def read_table(text: str, name: str) -> TableFile:
    """Return what a table file says.

    Args:
        text: the file's content.
        name: what positions call the file.

    Raises:
        InvalidConfigurationError: every problem, with its position.
    """
    problems = Problems()
    root = parse_text(text, name, problems, expected=f"a table file is a map of {', '.join(_KEYS)}")
    table = _Reader(problems).read(root) if root is not None else TableFile()
    problems.raise_if_any()
    return table


class _Reader:
    """Walks the nodes of one file; collects problems instead of stopping at the first."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def read(self, root: Node) -> TableFile:
        parts: dict[str, Any] = {}
        entries: list[Entry] = []
        for key, node in self._pairs(root, ()):
            if key == "agent":
                parts["agents"] = tuple(word for word, _ in self._words(node, (key,)))
            elif key == "prefix":
                parts["prefix"] = self._word(node, (key,)) or ""
            elif key == "unknown_with":
                parts["unknown_with"] = {word: str(origin) for word, origin in self._words(node, (key,))}
            elif key in SECTIONS:
                entries += self._section(key, node)
            elif key in RULE_SECTIONS:
                parts[key] = self._rules(key, node)
            else:
                self._problems.add(root.keys[key], (key,), f"unknown section; there are {', '.join(_KEYS)}")
        return TableFile(entries=tuple(entries), **parts)

    def _rules(self, section: str, node: Node) -> Any:
        reader = RuleReader(self._problems)
        read: dict[str, Callable[[Node], Any]] = {
            "rules": lambda node: tuple(reader.rules(node)),
            "source": reader.source,
            "refine": lambda node: tuple(reader.refine(node)),
            "unnamed": reader.unnamed,
        }
        return read[section](node)

    def _section(self, section: str, node: Node) -> Iterator[Entry]:
        if section == "types":
            yield from self._types(node)
        elif section == "values":
            for subject, names in self._pairs(node, ("values",)):
                yield from self._names(section, names, subject)
        else:
            yield from self._names(section, node)

    def _names(self, section: str, node: Node, subject: str = "") -> Iterator[Entry]:
        path = (section, subject) if subject else (section,)
        for canonical, aliases in self._pairs(node, path):
            yield Entry(section, subject, canonical, canonical, str(node.keys[canonical]))
            for alias, origin in self._words(aliases, (*path, canonical)):
                yield Entry(section, subject, canonical, alias, str(origin))

    def _types(self, node: Node) -> Iterator[Entry]:
        for attribute, kind in self._pairs(node, ("types",)):
            word = self._word(kind, ("types", attribute))
            if word in TYPES:
                yield Entry("types", attribute, word, "", str(node.keys[attribute]))
            elif word is not None:
                self._problems.add(
                    kind.origin, ("types", attribute), f'"{word}" is no type; there are {", ".join(TYPES)}'
                )

    def _pairs(self, node: Node, path: Path) -> Iterator[tuple[str, Node]]:
        if isinstance(node.value, dict):
            yield from node.value.items()
        elif node.value is not None:
            self._problems.add(node.origin, path, "expected a map")

    def _words(self, node: Node, path: Path) -> Iterator[tuple[str, Origin]]:
        for item in node.value if isinstance(node.value, list) else [node]:
            word = self._word(item, path)
            if word is not None:
                yield word, item.origin

    def _word(self, node: Node, path: Path) -> str | None:
        """Return a scalar as the word it was written as; `true` and `5` are words here, too."""
        if isinstance(node.value, bool):
            return str(node.value).lower()
        if isinstance(node.value, str | int | float) and node.value != "":
            return str(node.value)
        self._problems.add(node.origin, path, "expected a word")
        return None
