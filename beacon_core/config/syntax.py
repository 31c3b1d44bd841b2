"""YAML text to nodes: positions for everything, and none of the surprises of YAML 1.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeAlias

from beacon_core.config.nodes import Node, scalar
from beacon_core.config.problems import Origin, Path, Problems

if TYPE_CHECKING:  # yaml is loaded when the first file is read
    import yaml

#: A `yaml.Node`; its stubs do not know `id`.
_YamlNode: TypeAlias = Any

#: What can stand at the top of a pipeline file.
SECTIONS = ("receivers", "processors", "exporters", "service", "overlays")

#: Values after aliases are expanded; a pipeline file has some hundreds.
_MAX_NODES = 100_000
_MAX_DEPTH = 100

_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"
_CORE_TAGS = {_PLAIN, _TEXT, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_MERGE = "<<"

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_SECTION_START = re.compile(rf"^(?:{'|'.join(SECTIONS)})[ \t]*:", re.MULTILINE)

_Place: TypeAlias = tuple[int, int, str]


class _TooLargeError(Exception):
    """Aliases multiply the document beyond what anybody means."""


def parse_file(path: FilePath, problems: Problems, *, pure: bool = False) -> Node | None:
    """Read a pipeline file; None if it cannot be read or is not YAML.

    Args:
        path: as the operator gave it; messages show it like that.
        problems: takes everything that is wrong.
        pure: use the parser written in Python although the one in C is there.
    """
    source = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problems.add(Origin(source), (), f"cannot be read: {error.strerror or type(error).__name__}")
        return None
    except UnicodeDecodeError as error:
        line, column = _position(error.object[: error.start].decode("utf-8-sig"))
        problems.add(Origin(source, line, column), (), "is not UTF-8 text; save the file as UTF-8")
        return None
    return parse_text(text, source, problems, pure=pure)


#: What a pipeline file is; said where a file is something else.
_PIPELINE_FILE = f"a pipeline file is a map of {', '.join(SECTIONS)}"


def parse_text(
    text: str, source: str, problems: Problems, *, expected: str = _PIPELINE_FILE, pure: bool = False
) -> Node | None:
    """Read the text of a file that holds a map; None, and `expected` among the problems, if it does not."""
    found = _compose(text, _loader(pure))
    if isinstance(found, list):
        for line, column, message in found:
            problems.add(Origin(source, line, column), (), message)
        return None
    root = _build(found, lambda line, column: Origin(source, line, column), (), problems)
    if root is not None and root.value is None:
        return Node({}, root.origin)
    if root is not None and not isinstance(root.value, dict):
        problems.add(root.origin, (), expected)
        return None
    return root


def parse_value(text: str, origin: Origin, path: Path, problems: Problems, *, pure: bool = False) -> Node | None:
    """Read one value (`--set a.b=VALUE`); everything in it has the same origin. None if it is not YAML."""
    found = _compose(text, _loader(pure))
    if isinstance(found, list):
        for _, _, message in found:
            problems.add(origin, path, message)
        return None
    return _build(found, lambda _line, _column: origin, path, problems)


@cache
def _loader(pure: bool) -> Any:
    import yaml  # noqa: PLC0415 - only who reads a file pays for it

    def resolve(_self: object, kind: type, _value: object, implicit: tuple[bool, bool]) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TEXT
        return f"tag:yaml.org,2002:{'map' if kind is yaml.MappingNode else 'seq'}"

    base = yaml.SafeLoader if pure else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return type("Loader", (base,), {"resolve": resolve})


def _compose(text: str, loader: Any) -> _YamlNode | list[_Place]:
    """Return the YAML nodes, or what is wrong with the text."""
    import yaml  # noqa: PLC0415 - only who reads a file pays for it

    illegal = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if illegal:
        return [(*_position(text[: illegal.start()]), f"the character U+{ord(illegal[0]):04X} cannot stand in YAML")]
    try:
        return _too_deep(text, loader) or yaml.compose(text, loader)
    except yaml.YAMLError as error:
        return list(_section_errors(text, loader)) or [_explain(error, text)]


def _too_deep(text: str, loader: Any) -> list[_Place]:
    """Return where nesting goes too deep, if it does: composing such a text would overflow the C stack."""
    import yaml  # noqa: PLC0415 - only who reads a file pays for it

    depth = 0
    for event in yaml.parse(text, loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            mark: Any = event.start_mark
            return [(mark.line + 1, mark.column + 1, f"nested deeper than {_MAX_DEPTH} levels")]
    return []


def _section_errors(text: str, loader: Any) -> Iterator[_Place]:
    """Yield the first error of each section, so that several come out in one run."""
    import yaml  # noqa: PLC0415 - only who reads a file pays for it

    bounds = sorted({0, len(text), *(match.start() for match in _SECTION_START.finditer(text))})
    for start, end in pairwise(bounds):
        lines_above = "\n" * (_position(text[:start])[0] - 1)
        section = lines_above + text[start:end]
        try:
            for _ in yaml.parse(section, loader):
                pass
        except yaml.YAMLError as error:
            yield _explain(error, section)


def _position(before: str) -> tuple[int, int]:
    """Return line and column, from 1, of what comes after `before`."""
    lines = _LINE_END.split(before)
    return len(lines), len(lines[-1]) + 1


def _explain(error: yaml.YAMLError, text: str) -> _Place:
    """Return position and plain words for an error of the YAML parser, the same for the one in C and the other."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return 1, 1, "is not YAML"
    context = str(getattr(error, "context", None) or "")
    problem = str(getattr(error, "problem", None) or "")
    line, column = mark.line, mark.column
    start = getattr(error, "context_mark", None) or mark
    lines = _LINE_END.split(text)
    rest = lines[line][column:] if line < len(lines) else ""
    if rest.startswith("{") and lines[line][:column].endswith("$"):
        reference = _REFERENCE.match(lines[line], column - 1)
        example = reference[0] if reference else "${env:NAME}"
        return line + 1, column, f'within {{...}} or [...] a reference needs quotes: "{example}"'
    if "quoted scalar" in context and "end of stream" in problem:
        return start.line + 1, start.column + 1, "this quote is never closed"
    return line + 1, column + 1, _words(context, problem, rest, start.line + 1)


#: What the parsers say (problem and context, the C one's and the other's) and what it means.
_MEANINGS = (
    (r"cannot start any token.*\t", "a tab cannot indent YAML; use spaces"),
    (r"cannot start any token", '"{first}" needs quotes around it'),
    (r"mapping values are not allowed", 'a ": " can stand here only within quotes'),
    (r"undefined alias", "an alias (*name) without its anchor (&name) before it"),
    (r"single document", "a file holds one document; this is a second one"),
    (r"flow mapping", "the {{ of line {begin} is not closed, or a comma is missing"),
    (r"flow sequence", "the [ of line {begin} is not closed, or a comma is missing"),
    (r"block", "does not fit to the block that begins at line {begin}; look at the indentation"),
)


def _words(context: str, problem: str, rest: str, begin: int) -> str:
    said = f"{problem} {context} {rest[:1]}"
    meaning = next((meaning for pattern, meaning in _MEANINGS if re.search(pattern, said)), None)
    return meaning.format(first=rest[:1], begin=begin) if meaning else problem or "is not YAML"


def _build(root: _YamlNode, locate: Callable[[int, int], Origin], path: Path, problems: Problems) -> Node | None:
    if root is None:
        return Node(None, locate(1, 1))
    try:
        return _Builder(locate, problems).build(root, path)
    except _TooLargeError as error:
        problems.add(locate(root.start_mark.line + 1, root.start_mark.column + 1), path, str(error))
        return None


class _Builder:
    """Turns YAML nodes into ours.

    Args:
        locate: gives the origin of a line and column.
        problems: takes duplicate keys, tags and the like.
    """

    def __init__(self, locate: Callable[[int, int], Origin], problems: Problems) -> None:
        self._locate = locate
        self._problems = problems
        self._left = _MAX_NODES
        self._reported: set[tuple[int, str]] = set()

    def build(self, node: _YamlNode, path: Path, depth: int = 0, key: Origin | None = None) -> Node:
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError(f"aliases make this more than {_MAX_NODES} values")
        if depth > _MAX_DEPTH:
            raise _TooLargeError(f"nested deeper than {_MAX_DEPTH} levels, or an alias (*name) within its own anchor")
        if node.tag not in _CORE_TAGS:
            self._report(node, path, f"tags ({_tag(node.tag)}) are not supported; quotes make text")
        if node.id == "mapping":
            return self._map(node, path, depth + 1)
        if node.id == "sequence":
            return Node(
                [self.build(child, (*path, n), depth + 1) for n, child in enumerate(node.value)], self._origin(node)
            )
        if node.tag != _PLAIN:
            return Node(node.value, self._origin(node))
        # The parsers disagree about where nothing begins; the key is where to look.
        return Node(scalar(node.value), self._origin(node) if node.value or key is None else key)

    def _map(self, node: _YamlNode, path: Path, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Origin] = {}
        inherited: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                self._report(key_node, path, "a key is text, not a map or a list")
                continue
            key, origin = key_node.value, self._origin(key_node)
            if key in keys:
                self._report(key_node, (*path, key), f"duplicate key; the first one is at {_at(keys[key])}")
                continue
            keys[key] = origin
            if key == _MERGE and key_node.tag == _PLAIN:
                inherited.extend(self._inherited(value_node, path, depth))
            else:
                values[key] = self.build(value_node, (*path, key), depth, origin)
        for parent in inherited:
            for key, value in parent.value.items() if isinstance(parent.value, dict) else ():
                if key not in values:
                    values[key], keys[key] = value, parent.keys[key]
        return Node(values, self._origin(node), {key: keys[key] for key in values})

    def _inherited(self, node: _YamlNode, path: Path, depth: int) -> Iterator[Node]:
        """Yield the maps that a merge key (`<<: *anchor`, `<<: [*a, *b]`) names."""
        for parent in node.value if node.id == "sequence" else [node]:
            if parent.id == "mapping":
                yield self.build(parent, path, depth)
            else:
                self._report(parent, (*path, _MERGE), "expected an alias of a map, or a list of them")

    def _origin(self, node: _YamlNode) -> Origin:
        return self._locate(node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, node: _YamlNode, path: Path, message: str) -> None:
        """Note a problem once, even if aliases repeat it."""
        if (id(node), message) not in self._reported:
            self._reported.add((id(node), message))
            self._problems.add(self._origin(node), path, message)


def _at(origin: Origin) -> str:
    return f"{origin.line}:{origin.column}" if origin.line else str(origin)


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
