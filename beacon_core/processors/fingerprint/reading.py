"""Reads files with CI providers of the user: YAML to rows of the table, with a position for each problem.

providers:
  - id: acme_ci
    when: [ACME_BUILD]               # conditions and sources as in `providers.toml`
    like: jenkins                    # optional: a row below this one, or a shipped provider
    fields:
      cicd.pipeline.run.id: ["${ACME_BUILD}"]
      vcs.ref.head.name: ["${ACME_BRANCH}", {text: "${ACME_TAG}", type: tag}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from beacon_core.processors.fingerprint.names import GIVEN
from beacon_core.processors.fingerprint.table import Provider, Source, provider_table

if TYPE_CHECKING:  # what reads YAML is loaded when the first file is read
    from beacon_core.config import Node, Problems
    from beacon_core.config.problems import Path as Place

_ID = re.compile(r"[a-z][a-z0-9_]*")
_CONDITION = re.compile(r"!?[A-Za-z_]\w*(?:\|[A-Za-z_]\w*)*(?:=.*|~(.+))?", re.ASCII | re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_REFERENCES = re.compile(r"\$\{[A-Za-z_]\w*\}|[^$]|\$(?!\{)", re.ASCII)
_EXPECTED = "a file of providers is a map with the list `providers`"
_MEMBERS = tuple(field.name for field in msgspec.structs.fields(Source))
_CHOICES = {"format": ("json", "properties"), "git": ("branch",)}
#: More of these, or one behind a group, and a value that somebody chose can keep the pattern busy for long.
_MAX_REPEATS = 2
_REPEAT = re.compile(r"[*+]|\{\d*,\d*\}")


def load_rows(paths: Sequence[Path]) -> tuple[Provider, ...]:
    """Return the providers of the user's files, in their order.

    Raises:
        InvalidConfigurationError: a line for each problem, with `file:line:column`.
    """
    if not paths:
        return ()
    from beacon_core.config import Origin, Problems, parse_text  # noqa: PLC0415 - not needed without files

    problems = Problems()
    roots: list[Node] = []
    for path in paths:
        problems.register(str(path))
        try:
            root = parse_text(path.read_text("utf-8-sig"), str(path), problems, expected=_EXPECTED)
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a null character
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            problems.add(Origin(str(path)), (), f"cannot be read: {reason}; check the option providers")
        else:
            roots += [root] if root is not None else []
    rows = _Rows(problems).read(roots)
    problems.raise_if_any()
    return tuple(rows)


class _Rows:
    """Walks the nodes of all files; collects problems instead of stopping at the first."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._parents: list[tuple[int, str, Node]] = []

    def read(self, roots: Sequence[Node]) -> list[Provider]:
        rows: list[Provider] = []
        for node in (node for root in roots for node in self._nodes_of_rows(root)):
            values = self._map(node, ("providers",), ("id", "when", "like", "fields"))
            if "like" in values:
                self._parents.append((len(rows), self._text(values["like"], ("providers", "like")), values["like"]))
            rows.append(self._row(node, values))
        self._check_parents(rows)
        return rows

    def _nodes_of_rows(self, root: Node) -> Iterator[Node]:
        listed = self._map(root, (), ("providers",)).get("providers")
        if listed is None or not isinstance(listed.value, list) or not listed.value:
            self._report(listed or root, (), _EXPECTED)
        else:
            yield from listed.value

    def _row(self, node: Node, values: dict[str, Node]) -> Provider:
        for needed in ("id", "when"):
            if needed not in values and isinstance(node.value, dict):
                self._report(node, ("providers",), f"a provider needs `{needed}`")
        name = self._text(values["id"], ("providers", "id")) if "id" in values else ""
        if name and not _ID.fullmatch(name):
            self._report(values["id"], ("providers", "id"), "an id is lower-case letters, digits and _")
        path = ("providers", name or "?")
        when = self._conditions(values["when"], (*path, "when")) if "when" in values else ()
        like = self._text(values["like"], (*path, "like")) if "like" in values else ""
        fields = self._fields(values["fields"], (*path, "fields")) if "fields" in values else {}
        return Provider(name, when, like, fields)

    def _check_parents(self, rows: Sequence[Provider]) -> None:
        from beacon_core.config import did_you_mean  # noqa: PLC0415 - loaded by `load_rows`

        shipped = {row.id for row in provider_table().provider}
        for index, parent, node in self._parents:
            known = {row.id for row in rows[index + 1 :]} | shipped
            if parent and parent not in known:
                hint = did_you_mean(parent, known)
                self._report(node, ("providers", "like"), f'no row below and no shipped provider is "{parent}"{hint}')

    def _fields(self, node: Node, path: Place) -> dict[str, tuple[str | Source, ...]]:
        return {
            name: tuple(self._source(each, (*path, name), name) for each in self._list(sources))
            for name, sources in self._map(node, path, GIVEN).items()
        }

    def _source(self, node: Node, path: Place, attribute: str) -> Source:
        if not isinstance(node.value, dict):
            return Source(self._template(node, path))
        values: dict[str, Any] = {}
        for member, value in self._map(node, path, _MEMBERS).items():
            values[member] = self._member(member, value, (*path, member))
        if not values.get("text") and not values.get("git"):
            self._report(node, path, "a source needs `text` or `git`")
        if values.get("git") and not attribute.startswith("vcs.ref.head."):
            self._report(node, path, "`git` is for vcs.ref.head.name only")
        return Source(**values)

    def _member(self, member: str, node: Node, path: Place) -> Any:
        if member == "when":
            return self._conditions(node, path)
        if member == "host":
            if not isinstance(node.value, bool):
                self._report(node, path, "expected true or false")
            return node.value is True
        if member == "match":
            return self._pattern(node, self._text(node, path), path, groups=1)
        text = self._template(node, path) if member in {"text", "type"} else self._text(node, path)
        if member == "file" and text and not _VARIABLE.fullmatch(text):
            self._report(node, path, "expected the name of the variable that holds the path")
        if text and text not in _CHOICES.get(member, (text,)):
            self._report(node, path, f"expected {' or '.join(_CHOICES[member])}")
            return _CHOICES[member][0]
        return text

    def _conditions(self, node: Node, path: Place) -> tuple[str, ...]:
        conditions = tuple(self._text(each, path) for each in self._list(node))
        if not conditions:
            self._report(node, path, "expected at least one condition")
        for condition, each in zip(conditions, self._list(node), strict=True):
            found = _CONDITION.fullmatch(condition)
            if condition and found is None:
                self._report(each, path, "expected NAME, NAME|OTHER, !NAME, NAME=text or NAME~pattern")
            elif found is not None and found[1]:
                self._pattern(each, found[1], path, groups=0)
        return conditions

    def _pattern(self, node: Node, pattern: str, path: Place, groups: int) -> str:
        try:
            if re.compile(pattern).groups < groups:
                self._report(node, path, "a pattern needs a group, which is the value")
        except (re.error, OverflowError, RecursionError) as error:
            self._report(node, path, f"is no pattern: {error}")
        for problem in _slow(pattern):
            self._report(node, path, problem)
        return pattern

    def _template(self, node: Node, path: Place) -> str:
        text = self._text(node, path)
        if "".join(_REFERENCES.findall(text)) != text:
            self._report(node, path, "a reference is written ${NAME}")
        return text

    def _text(self, node: Node, path: Place) -> str:
        if isinstance(node.value, str) and node.value:
            return node.value
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return str(node.value)
        self._report(node, path, "expected text")
        return ""

    def _list(self, node: Node) -> list[Node]:
        return node.value if isinstance(node.value, list) else [node]

    def _map(self, node: Node, path: Place, known: Sequence[str]) -> dict[str, Node]:
        from beacon_core.config import did_you_mean  # noqa: PLC0415 - loaded by `load_rows`

        if not isinstance(node.value, dict):
            self._report(node, path, "expected a map")
            return {}
        for key in node.value.keys() - set(known):
            self._problems.add(node.keys[key], (*path, key), f"unknown{did_you_mean(key, known)}")
        return {key: child for key, child in node.value.items() if key in known}

    def _report(self, node: Node, path: Place, message: str) -> None:
        self._problems.add(node.origin, path, message)


def _slow(pattern: str) -> Iterator[str]:
    """Yield what could make a pattern slow."""
    plain = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", re.sub(r"\\[^1-9]", "x", pattern))
    if re.search(r"\\[1-9]|\(\?P=", plain):
        yield "a pattern cannot refer back to a group: that can take very long"
    if re.search(r"\)(?:[*+]|\{)", plain):
        yield "a group cannot be repeated: that can take very long"
    if len(_REPEAT.findall(plain)) > _MAX_REPEATS:
        yield f"more than {_MAX_REPEATS} repetitions (* + {{n,m}}) can take very long"
