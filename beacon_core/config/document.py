"""The effective configuration: all layers together, and what components ask of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel

from beacon_core.config import validation
from beacon_core.config.layers import merge, overlays
from beacon_core.config.nodes import Node
from beacon_core.config.overrides import apply_sets, apply_variables
from beacon_core.config.problems import Origin, Path, Problem, Problems, did_you_mean, path_text
from beacon_core.config.references import resolve
from beacon_core.config.syntax import SECTIONS, parse_file

M = TypeVar("M", bound=BaseModel)

_COMPONENTS = ("receivers", "processors", "exporters")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*(/\S.*)?")


@dataclass(frozen=True)
class Document:
    """A configuration with all layers and references worked in.

    Attributes:
        root: the tree. It holds secrets; print `printable()` instead.
        problems: what was found while loading. Add to it what validation finds, then raise all at once.
    """

    root: Node
    problems: Problems

    def __repr__(self) -> str:
        return f"Document({self.root!r})"

    def section(self, name: str) -> dict[str, Node]:
        """Return the components of `receivers`, `processors` or `exporters` by id."""
        node = self.root.child(name)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def node(self, path: Path) -> Node | None:
        """Return what stands at a path, None if nothing does."""
        node: Node | None = self.root
        for key in path:
            node = node.child(key) if node is not None else None
        return node

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Return a problem at a path: at its value or its key, or at the deepest part of it that exists."""
        place = validation.locate(self.root, path)
        return Problem(place.key if at_key else place.node.origin, path_text(path), message)

    def validate(self, path: Path, model: type[M], problems: Problems, *, exclude: Collection[str] = ()) -> M | None:
        """Return the options at `path` as a model; None, and at least one problem, if they are not right.

        What follows from a reference that could not be resolved is not reported again.
        """
        return validation.validate(self.root, path, model, problems, exclude)

    def printable(self) -> Any:
        """Return ordinary data in which references stand as they were written, for `beacon config`.

        A secret that was written out is not a reference: print only what `validate` has accepted.
        """
        return self.root.printable()

    def effective(self, secrets: Collection[str]) -> Any:
        """Return ordinary data which, read again as a pipeline file, is this configuration: references, no secrets.

        Args:
            secrets: the values of all secret options, of a configuration that `validate` has accepted.
        """
        return self.root.effective(secrets)


def load(
    files: Sequence[FilePath],
    *,
    sets: Sequence[str] = (),
    environ: Mapping[str, str],
    facts: Callable[[], Mapping[str, str]],
) -> Document:
    """Return the effective configuration; later wins: files, their overlays, `BEACON__` variables, `--set`.

    The defaults below all of these are the models' own.

    Args:
        files: pipeline files in the order of the command line.
        sets: the values of `--set`.
        environ: the variables.
        facts: what is known about the CI environment; called only if there is an overlay.

    Raises:
        InvalidConfigurationError: if a file cannot be read or is not YAML, with everything else that is wrong. Other
            problems are in the document's `problems`, so that validation can add its own.
    """
    problems = Problems()
    for file in files:
        problems.register(str(file))
    parsed = [parse_file(file, problems) for file in files]
    roots = [root for root in parsed if root is not None]
    for root in roots:
        _check_sections(root, problems)
    root = _base(files, roots)
    root = _with_overlays(root, roots, environ, facts, problems)
    root = apply_variables(root, environ, problems)
    root = apply_sets(root, sets, problems)
    _check_components(root, problems)
    document = Document(resolve(root, environ, problems), problems)
    if len(roots) < len(files):
        problems.raise_if_any()
    return document


def _base(files: Sequence[FilePath], roots: Iterable[Node]) -> Node:
    root = Node({}, Origin(str(files[0]), 1, 1) if files else Origin("configuration"))
    for over in roots:
        root = merge(root, over.without("overlays"))
    return root


def _with_overlays(
    root: Node,
    roots: Iterable[Node],
    environ: Mapping[str, str],
    facts: Callable[[], Mapping[str, str]],
    problems: Problems,
) -> Node:
    found = [overlay for file in roots for overlay in overlays(file, environ, problems)]
    known = facts() if found else {}
    for overlay in found:
        if overlay.matches(known):
            root = merge(root, overlay.options)
    return root


def _check_sections(root: Node, problems: Problems) -> None:
    for name, origin in root.keys.items():
        if name not in SECTIONS:
            problems.add(origin, (name,), f"unknown section{did_you_mean(name, SECTIONS)}")


def _check_components(root: Node, problems: Problems) -> None:
    for section in _COMPONENTS:
        node = root.child(section)
        if node is None or node.value is None:
            continue
        if not isinstance(node.value, dict):
            problems.add(node.origin, (section,), "expected a map: ids (type or type/name) and their options")
            continue
        for key in node.value:
            if not _ID.fullmatch(key):
                problems.add(node.keys[key], (section, key), "an id is a type, or a type and a name: type/name")
