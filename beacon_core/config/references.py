"""References in values: `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path as FilePath

from beacon_core.config.nodes import Node
from beacon_core.config.options import Referenced
from beacon_core.config.problems import Path, Problems, did_you_mean, suggest

_TOKEN = re.compile(r"(?P<escape>\$\$\{)|\$\{(?P<body>[^}]*)(?P<end>\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEFAULT = re.compile(r"(\$\{env:[^}]*?:-)[^}]+\}")

#: A file that a reference names holds a token, a certificate or a few lines.
_MAX_FILE_BYTES = 1024 * 1024


class _UnresolvedError(Exception):
    """A reference that stands for nothing; the message says what to do."""


def resolve(node: Node, environ: Mapping[str, str], problems: Problems, path: Path = ()) -> Node:
    """Return the tree with every reference replaced by what it stands for.

    The result of a reference is `Referenced` text, whatever it looks like: an option that is a number or a switch reads
    it from text, and a secret is allowed to be there. Text that is `Referenced` already (a variable's) is left alone,
    and what a reference stands for is not searched for further references.

    Args:
        node: the tree.
        environ: the variables.
        problems: takes one problem for every reference that stands for nothing; its value is marked as broken.
        path: where `node` stands.
    """
    if isinstance(node.value, dict):
        children = {key: resolve(child, environ, problems, (*path, key)) for key, child in node.value.items()}
        return replace(node, value=children)
    if isinstance(node.value, list):
        return replace(node, value=[resolve(c, environ, problems, (*path, n)) for n, c in enumerate(node.value)])
    if not isinstance(node.value, str) or isinstance(node.value, Referenced) or "${" not in node.value:
        return node
    return _resolve_text(node, node.value, environ, problems, path)


def _resolve_text(node: Node, text: str, environ: Mapping[str, str], problems: Problems, path: Path) -> Node:
    referenced = broken = False

    def expand(match: re.Match[str]) -> str:
        nonlocal referenced, broken
        if match["escape"]:
            return "${"
        referenced = True
        try:
            return _look_up(match["body"], bool(match["end"]), environ)
        except _UnresolvedError as error:
            broken = True
            problems.add(node.origin, path, str(error))
            return ""

    value = _TOKEN.sub(expand, text)
    if not referenced:
        return replace(node, value=value)
    # A default is text of the file, but it may be a secret that somebody left there.
    written = _DEFAULT.sub(r"\1***}", text)
    return replace(node, value=Referenced(value), written=written, source=text, broken=broken)


def _look_up(body: str, closed: bool, environ: Mapping[str, str]) -> str:
    if not closed:
        raise _UnresolvedError('"${" without "}" after it; write "$${" for the characters themselves')
    if "${" in body:
        raise _UnresolvedError("a reference within a reference is not supported")
    scheme, colon, rest = body.partition(":")
    source = _SOURCES.get(scheme) if colon else None
    if source is None:
        raise _UnresolvedError(_misspelled(scheme, colon, rest))
    return source(rest, environ)


def _misspelled(scheme: str, colon: str, rest: str) -> str:
    if not _NAME.fullmatch(scheme):
        return '"${" begins a reference such as ${env:NAME}; write "$${" for the characters themselves'
    if not colon:
        return f'a reference names its source; did you mean "${{env:{scheme}}}"?'
    if rest.startswith("-"):
        return f'a reference names its source; did you mean "${{env:{scheme}:-...}}"?'
    return f'unknown source "{scheme}" of a reference{did_you_mean(scheme, _SOURCES)}'


def _variable(text: str, environ: Mapping[str, str]) -> str:
    name, has_default, default = text.partition(":-")
    if not name:
        raise _UnresolvedError("the name of the variable is missing: ${env:NAME}")
    value = environ.get(name)
    if has_default:
        return value or default
    if value is None:
        close = suggest(name, environ)
        hint = f'; did you mean "{close}"?' if close else ""
        raise _UnresolvedError(f"the variable {name} is not set; set it or write ${{env:{name}:-default}}{hint}")
    return value


def _file(text: str, _environ: Mapping[str, str]) -> str:
    if not text:
        raise _UnresolvedError("the path of the file is missing: ${file:PATH}")
    try:
        with FilePath(text).open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise _UnresolvedError(f"the file {text} is larger than {_MAX_FILE_BYTES} bytes")
        return content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _UnresolvedError(f"the file {text} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise _UnresolvedError(f"the file {text} cannot be read: {reason}") from None


_SOURCES: dict[str, Callable[[str, Mapping[str, str]], str]] = {"env": _variable, "file": _file}
