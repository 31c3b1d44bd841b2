"""Options in words: names, types, defaults and meanings, for `beacon components` and the reference pages."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator, ByteSize, SecretStr
from pydantic.fields import FieldInfo

from beacon_core.config.options import ComponentConfig, parse_duration

_SIMPLE: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "integer",
    float: "number",
    ByteSize: "size",
    SecretStr: "secret",
    Path: "path",
    types.NoneType: "null",
    Any: "any",
}
_SIZES = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024), ("MB", 1000**2), ("kB", 1000))
_DURATIONS = (("d", 86400), ("m", 60))


@dataclass(frozen=True, slots=True)
class Option:
    """One option, in words.

    Attributes:
        name: dotted, as in `--set`.
        type: `text`, `integer`, `size`, `duration`, `secret`, `gzip | none`, `list of text` ..., with its limits.
        default: as it would be written in YAML; empty for none; None where the option is required.
        description: what it means.
    """

    name: str
    type: str
    default: str | None
    description: str


def describe(model: type[ComponentConfig], prefix: str = "", values: ComponentConfig | None = None) -> Iterator[Option]:
    """Yield the options of a model, those of nested models under dotted names.

    Args:
        model: the options.
        prefix: what stands before their names.
        values: an instance whose values are the defaults, where an outer model has its own.
    """
    docstrings = _docstrings(model)
    for name, field in model.model_fields.items():
        default = getattr(values, name) if values is not None else _default(field)
        nested = nested_model(field)
        if nested is None:
            required = values is None and field.is_required()
            words = type_words(field)
            if words != "null":  # an option that has no value is there for its error message
                shown = None if required else default_words(default, field)
                said = field.description or docstrings.get(name, "")
                yield Option(prefix + name, words, shown, " ".join(said.split()))
        else:
            yield from describe(nested, f"{prefix}{name}.", default if isinstance(default, nested) else None)


def _docstrings(model: type[ComponentConfig]) -> dict[str, str]:
    """Return what stands below the fields of a model in its source, by name, with those that it inherits."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, ComponentConfig):
            for statement, below in pairwise(_body(base)):
                match statement, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = text
    return found


def _body(model: type[ComponentConfig]) -> list[ast.stmt]:
    try:
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    except (OSError, TypeError, SyntaxError):  # made by a program, or its source is not there
        return []
    return definition.body if isinstance(definition, ast.ClassDef) else []


def nested_model(field: FieldInfo) -> type[ComponentConfig] | None:
    """Return the model of an option that is a map of options, None for any other."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if inspect.isclass(candidate) and issubclass(candidate, ComponentConfig):
            return candidate
    return None


def type_words(field: FieldInfo) -> str:
    """Return an option's type in words, with its limits."""
    if _is_duration(field):
        return "duration"
    limits = [text for item in field.metadata if (text := _limit(item)) and field.annotation in {int, float}]
    return ", ".join([annotation_words(field.annotation), *limits])


def default_words(value: object, field: FieldInfo) -> str:
    """Return a default as it would be written in YAML; empty for none, and for a secret."""
    match value:
        case None | "" | SecretStr():
            return ""
        case bool():
            return str(value).lower()
        case ByteSize():
            return _size(int(value))
        case float():
            return _duration(value) if _is_duration(field) else f"{value:g}"
        case list() | tuple() | set() | frozenset():
            return f"[{', '.join(sorted(map(str, value)))}]"
        case _:
            return str(value)


def _default(field: FieldInfo) -> object:
    return None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})


def _is_duration(field: FieldInfo) -> bool:
    return any(isinstance(item, BeforeValidator) and item.func is parse_duration for item in field.metadata)


def _limit(item: object) -> str:
    match item:
        case Ge():
            return f"≥ {item.ge}"
        case Gt():
            return f"> {item.gt}"
        case Le():
            return f"≤ {item.le}"
        case _:
            return ""


def annotation_words(annotation: Any) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in {Union, types.UnionType}:
        return " or ".join(annotation_words(argument) for argument in arguments if argument is not types.NoneType)
    if origin in {list, tuple, set, frozenset, dict}:
        kind, member = ("map", arguments[1]) if origin is dict else ("list", arguments[0])
        return f"{kind} of {plural(annotation_words(member))}"
    is_annotated = hasattr(annotation, "__metadata__")
    return annotation_words(arguments[0]) if is_annotated else getattr(annotation, "__name__", str(annotation))


def plural(words: str) -> str:
    """Return a type as one of several."""
    return re.sub(r"^(list|map|path|integer|number)\b", r"\1s", words)


def _size(size: int) -> str:
    """Return a size with the largest unit that gives a whole number."""
    for unit, factor in _SIZES:
        if size >= factor and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _duration(seconds: float) -> str:
    """Return a duration with the unit that fits."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    unit, length = next(((unit, each) for unit, each in _DURATIONS if seconds and seconds % each == 0), ("s", 1))
    return f"{seconds / length:g}{unit}"
