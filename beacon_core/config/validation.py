"""Checks part of a configuration against a component's options; says in plain words what pydantic found, and where."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from beacon_core.config.nodes import Node
from beacon_core.config.options import SECRETS_BY_REFERENCE, Referenced
from beacon_core.config.problems import Origin, Path, Problems, did_you_mean, suggest

M = TypeVar("M", bound=BaseModel)

#: One entry of `ValidationError.errors()`.
_Error: TypeAlias = Mapping[str, Any]

_COMPONENTS = {"receivers", "processors", "exporters"}
_COMPONENT_DEPTH = 2

_WHOLE_NUMBER = "expected a whole number"
_NUMBER = "expected a number"
_SWITCH = "expected true or false"
_MAP = "expected a map"
_LIST = "expected a list"
_SIZE = 'expected a size, such as "2MiB" or "500kB"'
_URL = 'expected a URL, such as "https://host:8088"'

#: Error types of pydantic in plain words; braces are filled from the error's context.
_WORDS = {
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "byte_size": _SIZE,
    "byte_size_unit": _SIZE,
    "dict_type": _MAP,
    "enum": "expected {expected}",
    "finite_number": _NUMBER,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "frozen_set_type": _LIST,
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "list_type": _LIST,
    "literal_error": "expected {expected}",
    "mapping_type": _MAP,
    "missing": "missing option",
    "model_attributes_type": _MAP,
    "model_type": _MAP,
    "path_type": "expected a path",
    "set_type": _LIST,
    "string_pattern_mismatch": "expected text that matches {pattern}",
    "string_too_long": "expected at most {max_length} characters",
    "string_too_short": "expected at least {min_length} characters",
    "string_type": "expected text",
    "too_long": "expected at most {max_length} entries",
    "too_short": "expected at least {min_length} entries",
    "tuple_type": _LIST,
    "union_tag_invalid": "expected {discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "missing option {discriminator}",
    "url_parsing": _URL,
    "url_scheme": "expected a URL that begins with {expected_schemes}",
    "url_type": _URL,
}


@dataclass
class _Place:
    """The deepest place that a path leads to.

    Attributes:
        path: the part of the path that exists.
        node: what stands there.
        key: where its key stands.
        types: what the model expects there.
    """

    path: Path
    node: Node
    key: Origin
    types: list[Any]

    def enter(self, key: str | int) -> None:
        """Go one step down; stay if there is nothing of that name (pydantic also names members of unions)."""
        child = self.node.child(key)
        if child is None:
            return
        at = self.node.keys.get(key) if isinstance(key, str) else None
        types_below = [below for kind in self.types for below in _below(kind, key)]
        self.path, self.node, self.key, self.types = (*self.path, key), child, at or child.origin, types_below


def locate(root: Node, path: Iterable[str | int], types: Sequence[Any] = ()) -> _Place:
    """Return the deepest place of a path; steps that do not exist are left out."""
    place = _Place((), root, root.origin, list(types))
    for key in path:
        place.enter(key)
    return place


def validate(root: Node, path: Path, model: type[M], problems: Problems, exclude: Collection[str] = ()) -> M | None:
    """Return the options that stand at `path`, None if they are not right.

    Args:
        root: the whole configuration.
        path: where the options stand; nothing there is the same as an empty map.
        model: what is expected.
        problems: takes everything that is wrong. No message contains a value that came through a reference.
        exclude: keys at `path` that are not the model's business.
    """
    place = locate(root, path)
    here = place.node if place.path == tuple(path) else Node({}, place.key)
    options = here.without(*exclude)
    data = {} if options.value is None else _plain(options, [model])
    try:
        result = model.model_validate(data, context={SECRETS_BY_REFERENCE: True})
    except ValidationError as error:
        base = _Place(tuple(path), options, place.key, [model])
        _Translation(base, problems).report(error.errors(include_url=False, include_input=False))
        return None
    return None if _has_broken(options) else result


def _plain(node: Node, expected: Sequence[Any]) -> Any:
    """Return a node as data; null where a map of options is expected is an empty one (`http:` below `protocols:`).

    Where options can be switched off and are on by default, null switches them off (`rotation: null`).
    """
    if isinstance(node.value, dict):
        return {
            key: _plain(child, [below for kind in expected for below in _below(kind, key)])
            for key, child in node.value.items()
        }
    if isinstance(node.value, list):
        return [_plain(child, [below for kind in expected for below in _below(kind, 0)]) for child in node.value]
    switched_off = types.NoneType in expected
    if node.value is None and not switched_off and any(_is_model(kind) or _is_mapping(kind) for kind in expected):
        return {}
    return node.value


def _has_broken(node: Node) -> bool:
    return any(below.broken for below in node.walk())


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _below(kind: Any, key: str | int) -> Iterator[Any]:
    """Yield the types that a key or index of a type has."""
    if _is_model(kind):
        for name, field in kind.model_fields.items():
            if key in (name, field.alias, field.validation_alias):
                off_by_default = field.default is None
                yield from (t for t in _members(field.annotation) if not (off_by_default and t is types.NoneType))
    elif get_args(kind):
        yield from _members(get_args(kind)[-1 if _is_mapping(kind) else 0])


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the types of a union, without what `Annotated` says about them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _option_names(expected: Iterable[Any]) -> list[str]:
    models = [kind for kind in expected if _is_model(kind)]
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


class _Translation:
    """Turns the errors of one validation into problems.

    Args:
        base: what was validated.
        problems: where they go.
    """

    def __init__(self, base: _Place, problems: Problems) -> None:
        self._base = base
        self._problems = problems
        secrets = {str(node.value).strip() for node in base.node.walk() if isinstance(node.value, Referenced)} - {""}
        longest_first = sorted(secrets, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if secrets else None

    def report(self, errors: Iterable[_Error]) -> None:
        found: dict[tuple[Origin, Path], list[str]] = {}
        for error in errors:
            problem = self._translate(error)
            if problem:
                origin, path, message = problem
                messages = found.setdefault((origin, path), [])
                if message not in messages:
                    messages.append(message)
        for (origin, path), messages in found.items():
            # Several messages for one place are the members of a union: each would do.
            rest = [message.removeprefix("expected ") for message in messages[1:]]
            self._problems.add(origin, path, " or ".join([messages[0], *rest]))

    def _translate(self, error: _Error) -> tuple[Origin, Path, str] | None:
        *parents, last = error["loc"] or ("",)
        place = self._locate(parents)
        if error["type"] == "extra_forbidden":
            key = place.node.keys.get(str(last), place.key)
            return key, (*place.path, last), f"unknown option{did_you_mean(str(last), _option_names(place.types))}"
        if error["type"] == "missing":
            return self._component_key(place), (*place.path, last), "missing option"
        place.enter(last)
        if place.node.broken or (error["type"] in {"value_error", "assertion_error"} and _has_broken(place.node)):
            return None
        message = self._words(error, place.node)
        at_key = last == "[key]" or (isinstance(place.node.value, dict) and not error["type"].endswith("_type"))
        return place.key if at_key else place.node.origin, place.path, message

    def _locate(self, loc: Iterable[str | int]) -> _Place:
        place = _Place(self._base.path, self._base.node, self._base.key, self._base.types)
        for key in loc:
            place.enter(key)
        return place

    def _component_key(self, place: _Place) -> Origin:
        """Return where a missing option is reported: at its component, elsewhere at the map that lacks it."""
        is_component = self._base.path[:1] and self._base.path[0] in _COMPONENTS
        return self._base.key if is_component and len(self._base.path) == _COMPONENT_DEPTH else place.key

    def _words(self, error: _Error, node: Node) -> str:
        context = {str(key): value for key, value in error.get("ctx", {}).items()}
        words = _WORDS.get(error["type"])
        if words is None:
            return self._without_secrets(str(context.get("error") or error["msg"]))
        if error["type"] in {"string_too_short", "too_short"} and context.get("min_length") == 1:
            return "must not be empty"
        message = words.format_map({key: str(value).replace("'", '"') for key, value in context.items()})
        if error["type"] == "string_type" and isinstance(node.value, bool):
            return f"{message}; put it in quotes"
        return message + _hint(node, message)

    def _without_secrets(self, message: str) -> str:
        return self._secrets.sub("***", message) if self._secrets else message


def _hint(node: Node, message: str) -> str:
    """Return a suggestion if one of the expected words is close to what is there."""
    known = re.findall(r'"([^"]*)"', message) if message.startswith('expected "') else []
    if not known or not isinstance(node.value, str) or isinstance(node.value, Referenced):
        return ""
    close = suggest(node.value, known)
    return f'; did you mean "{close}"?' if close else ""
