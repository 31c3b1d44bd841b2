"""The last two layers: `BEACON__SECTION__...` variables and `--set section.key=value`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from beacon_core.config.layers import merge
from beacon_core.config.nodes import Node
from beacon_core.config.options import Referenced
from beacon_core.config.problems import Origin, Path, Problems, did_you_mean
from beacon_core.config.syntax import parse_value

PREFIX = "BEACON__"
_DELIMITER = "__"
_SECTIONS = ("receivers", "processors", "exporters", "service")

_SEGMENT = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^".=]+))(?P<end>[.=]|$)')
#: How much of a malformed --set may be shown: what can be a path; a secret may follow.
_SHOWN = re.compile(r"[\w./\"-]*")


class _WrongPathError(Exception):
    """A variable or --set that names no place; the message says what to do."""


def apply_variables(root: Node, environ: Mapping[str, str], problems: Problems) -> Node:
    """Lay the `BEACON__` variables over a tree.

    A segment of a name means the existing key that reads like it, whatever its case and with `_` for any other sign
    (`FILE_ARCHIVE` is `file/archive`); where there is none it is a new key in lower case. A value that is a JSON list
    or map is one; everything else is text, and may be a secret.
    """
    for name in sorted(name for name in environ if name.upper().startswith(PREFIX)):
        origin = Origin(name)
        try:
            path = _existing(root, _segments(name, environ[name]))
            value = _json(environ[name], origin, name)
            root = merge(root, _chain(path, value, origin))
        except _WrongPathError as error:
            problems.add(origin, (), str(error))
    return root


def _segments(name: str, value: str) -> list[str]:
    """Return the segments of a variable's name, as pydantic-settings reads them."""
    parts = name[len(PREFIX) :].lower().split(_DELIMITER)
    if parts[0] not in _SECTIONS:
        raise _WrongPathError(f'unknown section "{parts[0]}"{did_you_mean(parts[0], _SECTIONS)}')
    data = _settings_source()(name, value)
    segments = []
    while isinstance(data, dict) and data:
        ((segment, data),) = data.items()
        segments.append(segment)
    if "" in segments:
        raise _WrongPathError(f"a part of the name is empty; parts are joined with {_DELIMITER}")
    return segments


@cache
def _settings_source() -> Any:
    """Return a function that turns one variable into nested maps."""
    import pydantic_settings  # noqa: PLC0415 - a tenth of a second that few runs need

    class Sections(pydantic_settings.BaseSettings):
        model_config = pydantic_settings.SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter=_DELIMITER, enable_decoding=False
        )
        receivers: dict[str, Any] = {}
        processors: dict[str, Any] = {}
        exporters: dict[str, Any] = {}
        service: dict[str, Any] = {}

    class Variable(pydantic_settings.EnvSettingsSource):
        """One variable that was handed in, not those of this process."""

        def __init__(self, name: str, value: str) -> None:
            self._variable = {name.lower(): value}
            super().__init__(Sections)

        def _load_env_vars(self) -> Mapping[str, str | None]:
            return dict(self._variable)

    return lambda name, value: Variable(name, value)()


def _existing(root: Node, segments: Sequence[str]) -> tuple[str, ...]:
    """Return the segments with the spelling of the keys that exist."""
    path: list[str] = []
    node: Node | None = root
    for segment in segments:
        names = node.value if node is not None and isinstance(node.value, dict) else {}
        alike = sorted(key for key in names if _normal(key) == _normal(segment))
        if len(alike) > 1 and segment not in alike:
            raise _WrongPathError(f"{segment} can mean {' and '.join(alike)}; use --set")
        _not_in_a_list(node, path)
        path.append(segment if segment in alike or not alike else alike[0])
        node = node.child(path[-1]) if node is not None else None
    return tuple(path)


def _normal(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", key.lower())


def _not_in_a_list(node: Node | None, path: Sequence[str]) -> None:
    if node is not None and isinstance(node.value, list):
        raise _WrongPathError(f"{'.'.join(path)} is a list; give the whole list")


def _json(text: str, origin: Origin, name: str) -> Node:
    shown = f"${{env:{name}}}"
    if text.lstrip()[:1] in {"[", "{"}:
        try:
            # Numbers stay text, so that 3.10 is still 3.10 where text is expected.
            data = json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=_without_duplicates)
        except ValueError:
            pass  # text that begins like JSON: whoever expects a list or a map will say so
        else:
            return _node(data, origin, shown)
    return Node(Referenced(text), origin, written=shown)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise _WrongPathError("the JSON has a duplicate key")
    return data


def _node(data: Any, origin: Origin, shown: str) -> Node:
    if isinstance(data, dict):
        children = {key: _node(value, origin, shown) for key, value in data.items()}
        return Node(children, origin, dict.fromkeys(data, origin))
    if isinstance(data, list):
        return Node([_node(value, origin, shown) for value in data], origin)
    return Node(Referenced(data), origin, written=shown) if isinstance(data, str) else Node(data, origin)


def apply_sets(root: Node, sets: Iterable[str], problems: Problems) -> Node:
    """Lay `--set path=value` over a tree, in the order given.

    The path is split at dots, except where a key that exists has them (`processors.x.attributes.service.name`) or where
    quotes say so (`exporters."file/a.b".path`). The value is YAML, with the rules of a file. It is not a reference: a
    secret written out there is refused by the option, since argv is public on a machine.
    """
    for text in sets:
        try:
            segments, value = _split(text)
        except _WrongPathError as error:
            shown = _SHOWN.match(text)
            problems.add(Origin(f"--set {shown[0] if shown else ''}".strip()), (), str(error))
            continue
        origin = Origin(f"--set {text[: -len(value) - 1]}")
        try:
            path = _place(root, segments)
        except _WrongPathError as error:
            problems.add(origin, (), str(error))
            continue
        node = parse_value(value, origin, path, problems)
        if node is not None:
            root = merge(root, _chain(path, node, origin))
    return root


def _split(text: str) -> tuple[list[tuple[str, bool]], str]:
    """Return the parts of the path, each with whether it was quoted, and the value."""
    segments: list[tuple[str, bool]] = []
    position = 0
    while match := _SEGMENT.match(text, position):
        quoted = match["quoted"]
        segments.append((match["bare"], False) if quoted is None else (re.sub(r"\\(.)", r"\1", quoted), True))
        position = match.end()
        if match["end"] == "=":
            return segments, text[position:]
        if not match["end"]:
            break
    raise _WrongPathError("expected path=value, such as exporters.splunk_hec.index=agents")


def _place(root: Node, segments: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
    """Return the path that the parts mean: the longest existing key wins."""
    if segments[0][0] not in _SECTIONS:
        raise _WrongPathError(f"unknown section{did_you_mean(segments[0][0], _SECTIONS)}")
    path: list[str] = []
    node: Node | None = root
    rest = list(segments)
    while rest:
        _not_in_a_list(node, path)
        count = _longest(node, rest)
        path.append(".".join(text for text, _ in rest[:count]))
        rest = rest[count:]
        node = node.child(path[-1]) if node is not None else None
    return tuple(path)


def _longest(node: Node | None, parts: Sequence[tuple[str, bool]]) -> int:
    bare = next((n for n, (_, quoted) in enumerate(parts) if quoted), len(parts))
    for count in range(bare, 1, -1):
        if node is not None and node.child(".".join(text for text, _ in parts[:count])) is not None:
            return count
    return 1


def _chain(path: Path, value: Node, origin: Origin) -> Node:
    """Return a tree that holds nothing but `value` at `path`."""
    for key in reversed(path):
        value = Node({str(key): value}, origin, {str(key): origin})
    return value
