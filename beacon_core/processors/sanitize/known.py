"""Values that are known to be secret: they are removed wherever they occur, also encoded (behaviour S3)."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os.path import commonprefix
from urllib.parse import quote, quote_plus

RULE_ID = "known-value"
_SHORTEST_VARIABLE = 8  # a shorter value of an environment variable is rather a word or a number
_LONGEST_KEYWORD = 64  # characters; enough to tell, and few to search for
_DEEPEST = 40  # groups within groups, of which `re` does not take any number
_SHORTEST = 4  # a shorter value would turn ordinary text into markers

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|pwd$|credential|apikey|(?:^|_)(?:key|keys|pat|auth|jwt|pass)(?:_|$)", re.IGNORECASE
)
_PLAIN_NAME = re.compile(r"_(?:FILE|PATH|DIR|HOME|URL|URI|HOST|SOCK|NAME|USER|TYPE)$", re.IGNORECASE)
_PLAIN_VALUE = re.compile(
    r"[0-9.,]+|(?:/[a-z0-9._-]+){2,}/?|[./~]+/.*|[A-Za-z]:[\\/].*|[a-z][a-z0-9+.-]*://[^@]*|disabled|required|optional",
    re.DOTALL,
)


def secret_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the values of the variables whose name says that they are secret and whose value does not deny it."""
    return [value for name, value in environment.items() if _is_secret(name, value)]


def _is_secret(name: str, value: str) -> bool:
    if len(value) < _SHORTEST_VARIABLE or not _SECRET_NAME.search(name) or _PLAIN_NAME.search(name):
        return False
    return not _PLAIN_VALUE.fullmatch(value) and not (value.startswith(os.sep) and os.path.exists(value))  # noqa: PTH110 - any text


class KnownValues:
    """A set of secrets, ready for searching. Immutable, any thread; `repr` shows how many there are.

    Args:
        values: the secrets; those of fewer than four characters are left out.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = frozenset(value.strip() for value in values if len(value.strip()) >= _SHORTEST)
        forms = sorted({form for value in self._values for form in _forms(value)}, key=lambda form: (-len(form), form))
        #: One of them is in every text that holds a known value; lower-case ASCII, `?` for the rest.
        self.keywords = tuple(dict.fromkeys(map(_keyword, forms)))
        self._pattern = re.compile(_any_of(forms, _DEEPEST)) if forms else None

    def __repr__(self) -> str:
        return f"KnownValues({len(self._values)} values)"

    def with_values(self, values: Iterable[str]) -> KnownValues:
        """Return these values and others."""
        return KnownValues({*self._values, *values})

    def redact(self, text: str, replace: Callable[[str], str]) -> tuple[str, int]:
        """Return `text` with something else instead of the known values, and how many there were."""
        return self._pattern.subn(lambda match: replace(match[0]), text) if self._pattern else (text, 0)


def _keyword(form: str) -> str:
    """Return the beginning of a form as the search for keywords sees it."""
    return form[:_LONGEST_KEYWORD].encode("ascii", "replace").decode("ascii").lower()


def _any_of(forms: Sequence[str], depth: int) -> str:
    """Return an expression for the longest of `forms` that stands at a place.

    Forms share their beginnings down to `depth`, so that many of them take little more time than one.
    """
    if not depth:
        return "|".join(map(re.escape, forms))
    branches = []
    by_first: dict[str, list[str]] = {}
    for form in forms:
        by_first.setdefault(form[:1], []).append(form)
    for some in by_first.values():
        start = commonprefix(some)  # noqa: RUF071 - any text
        rest = [form[len(start) :] for form in some if form != start]
        more = f"(?:{_any_of(rest, depth - 1)})" if rest else ""
        branches.append(re.escape(start) + (f"{more}?" if more and start in some else more))
    return "|".join(branches)


def _forms(value: str) -> Iterator[str]:
    """Yield a value as it may stand in a text: bare, percent-encoded, escaped, and inside a longer text in base64."""
    yield value
    yield quote(value, safe="", errors="surrogateescape")
    yield quote(value, errors="surrogateescape")
    yield quote_plus(value, errors="surrogateescape")
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    raw = value.encode("utf-8", "surrogateescape")
    for before in range(3):  # bytes before it in its group of three decide which of three texts it becomes
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        coded = base64.b64encode(bytes(before) + raw).decode("ascii")[first:last]
        yield coded
        yield coded.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")
