"""How one configuration is laid over another, and the overlays of a file that match where Beacon runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from beacon_core.config.nodes import Node
from beacon_core.config.problems import Path, Problems, did_you_mean
from beacon_core.config.references import resolve
from beacon_core.config.syntax import SECTIONS

_OVERLAID = tuple(name for name in SECTIONS if name != "overlays")


def merge(base: Node, over: Node) -> Node:
    """Return `base` with `over` laid over it: maps merge deeply, lists and scalars replace.

    Null over a map changes nothing: a component without options is written `sanitize:` as well as `sanitize: {}`.
    A map keeps the position where it was first written, everything else takes that of the last.
    """
    if not isinstance(base.value, dict):
        return over
    if over.value is None:
        return base
    if not isinstance(over.value, dict):
        return over
    values, keys = dict(base.value), dict(base.keys)
    for key, child in over.value.items():
        values[key] = merge(values[key], child) if key in values else child
        if key not in keys or values[key] is child:
            keys[key] = over.keys[key]
    return replace(base, value=values, keys=keys)


@dataclass(frozen=True)
class Overlay:
    """Options that hold where all facts are as given.

    Attributes:
        when: the values that a fact may have, by the fact's name.
        options: what is laid over.
    """

    when: dict[str, frozenset[str]]
    options: Node

    def matches(self, facts: Mapping[str, str]) -> bool:
        """Say whether it holds; a fact that is not known is no match."""
        return all(facts.get(name) in allowed for name, allowed in self.when.items())


def overlays(root: Node, environ: Mapping[str, str], problems: Problems) -> Iterator[Overlay]:
    """Yield the overlays of one file. Their options keep their references: only those that match are resolved."""
    listed = root.child("overlays")
    if listed is None or listed.value is None:
        return
    if not isinstance(listed.value, list):
        problems.add(listed.origin, ("overlays",), "expected a list of maps, each with a `when`")
        return
    for number, node in enumerate(listed.value):
        overlay = _overlay(node, environ, problems, ("overlays", number))
        if overlay:
            yield overlay


def _overlay(node: Node, environ: Mapping[str, str], problems: Problems, path: Path) -> Overlay | None:
    if not isinstance(node.value, dict):
        problems.add(node.origin, path, "expected a map with `when` and the sections to lay over")
        return None
    for key in node.value.keys() - {"when", *_OVERLAID}:
        hint = did_you_mean(key, ("when", *_OVERLAID))
        problems.add(node.keys[key], (*path, key), f"unknown key of an overlay{hint}")
    when = node.child("when")
    if when is None:
        problems.add(node.origin, path, "missing `when`: the facts for which the overlay holds")
        return None
    facts = _facts(resolve(when, environ, problems, (*path, "when")), problems, (*path, "when"))
    return Overlay(facts, node.without("when")) if facts else None


def _facts(when: Node, problems: Problems, path: Path) -> dict[str, frozenset[str]] | None:
    if not isinstance(when.value, dict) or not when.value:
        problems.add(when.origin, path, "expected a map of facts, such as {cicd.provider: github_actions}")
        return None
    facts = {}
    for name, node in when.value.items():
        texts = [_text(child) for child in (node.value if isinstance(node.value, list) else [node])]
        if not texts or None in texts:
            problems.add(node.origin, (*path, name), "expected text or a list of texts")
            return None
        facts[name] = frozenset(text for text in texts if text is not None)
    return facts


def _text(node: Node) -> str | None:
    if isinstance(node.value, dict | list | None):
        return None
    return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
