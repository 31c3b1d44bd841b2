"""Where a rule takes a value from: the small language of the section `rules` of a table file.

An expression is one of

    name                        an attribute, by its canonical name or the source's own
    tool_input/file_path        a member of an attribute that is a map or JSON text; `*` means all items of a list
    resource:service.version    an attribute of the resource
    event:name                  the name of the event, metric or span
    [a, b, c]                   the first of several that has a value
    {operator: ..., in: ...}    see `OPERATORS`

A value that is not what an operator needs is no value. Everything takes linear time.
"""

from __future__ import annotations

import hashlib
import hmac
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from beacon_core.event import AttributeValue
from beacon_core.processors.canonicalize.patterns import pieces
from beacon_core.processors.canonicalize.record import Record
from beacon_core.processors.canonicalize.values import to_int

Read: TypeAlias = Callable[[Record], Any]
_LONGEST_COMMAND = 1 << 20  # characters
_LONGEST_SESSION = 256  # characters; they come from outside and are kept
_LARGEST = (1 << 63) - 1


class Expression(NamedTuple):
    """A compiled expression.

    Attributes:
        read: returns the value of a record, None if it has none.
        names: the attributes that it uses as a whole.
        members: the attributes and those of their members that it uses.
    """

    read: Read
    names: tuple[str, ...] = ()
    members: tuple[tuple[str, str], ...] = ()


def compile_expression(plain: Any) -> Expression:
    """Return an expression that was written as ordinary data.

    Raises:
        ValueError: with what is wrong with it.
    """
    if isinstance(plain, bool) or plain is None:
        raise ValueError("expected where to take the value from: a name, a list, or a map with an operator")
    if isinstance(plain, list):
        return _first([compile_expression(item) for item in plain])
    if isinstance(plain, dict):
        return _operation(plain)
    return _lookup(str(plain))


def _lookup(name: str) -> Expression:
    kind, colon, rest = name.partition(":")
    if colon and kind == "resource":
        return Expression(lambda record: record.resource(rest))
    if name == "event:name":
        return Expression(lambda record: record.event.name)
    attribute, slash, path = name.partition("/")
    if slash:
        steps = tuple(path.split("/"))
        return Expression(lambda record: _member(record, attribute, steps), members=((attribute, steps[0]),))

    def read(record: Record) -> AttributeValue:  # record.get(name), without one more call
        value = record.out.get(name)
        return value if value is not None else record.raw.get(name)

    return Expression(read, (name,))


def _member(record: Record, attribute: str, steps: tuple[str, ...]) -> Any:
    value: Any = record.members(attribute)
    for position, step in enumerate(steps):
        if step == "*":
            rest = steps[position + 1 :]
            return [_descend(item, rest) for item in value] if isinstance(value, list) else None
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return None if type(value) is int and not -_LARGEST <= value <= _LARGEST else value  # JSON has larger ones


def _descend(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _first(choices: Sequence[Expression]) -> Expression:
    reads = tuple(choice.read for choice in choices)

    def read(record: Record) -> Any:
        for each in reads:
            value = each(record)
            if value is not None:
                return value
        return None

    return _using(read, choices)


def _using(read: Read, parts: Sequence[Expression]) -> Expression:
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    return Expression(read, names, tuple(dict.fromkeys(member for part in parts for member in part.members)))


def _operation(plain: Mapping[str, Any]) -> Expression:
    operators = [key for key in plain if key in OPERATORS]
    if len(operators) != 1:
        raise ValueError(f"expected one operator; there are {', '.join(OPERATORS)}")
    operator = operators[0]
    others = plain.keys() - {operator, "in", "like"}
    if others:
        raise ValueError(f'"{min(others)}" is no part of an expression; there are in and like beside the operator')
    return OPERATORS[operator](plain[operator], plain.get("in"), plain.get("like"))


def _source(plain: Any) -> Expression:
    if plain is None:
        raise ValueError('expected "in" beside the operator: where to look')
    return compile_expression(plain)


def _parts(plain: Any) -> list[Expression]:
    return [compile_expression(item) for item in (plain if isinstance(plain, list) else [plain])]


# ---- numbers ----


def _number(value: Any) -> int | None:
    number = value if type(value) is int else to_int(value)
    return number if type(number) is int and -_LARGEST <= number <= _LARGEST else None


def _sum(plain: Any, _in: Any, _like: Any) -> Expression:
    parts = _parts(plain)
    reads = [part.read for part in parts]

    def read(record: Record) -> int | None:
        numbers = [number for each in reads if (number := _number(each(record))) is not None]
        return min(max(sum(numbers), 0), _LARGEST) if numbers else None

    return _using(read, parts)


def _difference(plain: Any, _in: Any, _like: Any) -> Expression:
    first, *others = parts = _parts(plain)

    def read(record: Record) -> int | None:
        total = _number(first.read(record))
        if total is None:
            return None
        total -= sum(_number(other.read(record)) or 0 for other in others)
        if total < 0:
            record.corrections += 1
        return min(max(total, 0), _LARGEST)

    return _using(read, parts)


def _divide(plain: Any, _in: Any, _like: Any) -> Expression:
    if not isinstance(plain, list) or len(plain) != 2 or not isinstance(plain[1], int) or plain[1] <= 0:  # noqa: PLR2004
        raise ValueError("divide takes what to divide and a whole number: [cost_usd_micros, 1000000]")
    part, by = compile_expression(plain[0]), plain[1]

    def read(record: Record) -> float | None:
        number = _number(part.read(record))
        return None if number is None else number / by

    return _using(read, [part])


# ---- texts ----


def _text_of(change: Callable[[str], str | None]) -> Callable[[Any, Any, Any], Expression]:
    def make(plain: Any, _in: Any, _like: Any) -> Expression:
        part = compile_expression(plain)

        def read(record: Record) -> str | None:
            value = part.read(record)
            return change(value) if isinstance(value, str) else None

        return _using(read, [part])

    return make


def _first_word(text: str) -> str | None:
    words = text.split(None, 1)
    return words[0] if words else None


def _uncut(text: str) -> str | None:
    return None if is_cut(text) else text


def is_cut(text: str) -> bool:
    """Return whether a client has shortened a text itself: `...` as one character, then `[N chars]`."""
    at = text.find("\u2026[")
    return at >= 0 and " chars]" in text[at : at + 24]


def _shell(plain: Any, _in: Any, _like: Any) -> Expression:
    part = compile_expression(plain)

    def read(record: Record) -> str | None:
        value = part.read(record)
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            value = shlex.join(value) if sum(map(len, value)) < _LONGEST_COMMAND else " ".join(value)
        return value if isinstance(value, str) else None

    return _using(read, [part])


def _json(plain: Any, _in: Any, _like: Any) -> Expression:
    part = compile_expression(plain)

    def read(record: Record) -> str | None:
        value = part.read(record)
        if isinstance(value, dict | list):
            return msgspec.json.encode(value).decode()
        return value if isinstance(value, str) else None

    return _using(read, [part])


def _earliest(text: str, markers: Sequence[str]) -> tuple[int, str]:
    """Return where the first of the markers stands, and which one; -1 if none does."""
    found = [(at, marker) for marker in markers if (at := text.find(marker)) >= 0]
    return min(found) if found else (-1, "")


def _after(plain: Any, source: Any, _like: Any) -> Expression:
    markers = [str(word) for word in (plain if isinstance(plain, list) else [plain])]
    part = _source(source)

    def read(record: Record) -> str | None:
        text = part.read(record)
        at, marker = _earliest(text, markers) if isinstance(text, str) else (-1, "")
        if at < 0:
            return None
        start = at + len(marker)
        end = text.find("\n", start)
        return text[start : end if end >= 0 else None].strip() or None

    return _using(read, [part])


def _before(plain: Any, source: Any, _like: Any) -> Expression:
    marker, part = str(plain), _source(source)

    def read(record: Record) -> str | None:
        text = part.read(record)
        return text.partition(marker)[0] if isinstance(text, str) else None

    return _using(read, [part])


def _which(plain: Any, source: Any, _like: Any) -> Expression:
    if not isinstance(plain, dict) or not plain:
        raise ValueError('which takes a map of markers and what they mean: {"*** Add File: ": create}')
    meanings, part = {str(marker): str(meaning) for marker, meaning in plain.items()}, _source(source)

    def read(record: Record) -> str | None:
        text = part.read(record)
        return meanings.get(_earliest(text, [*meanings])[1]) if isinstance(text, str) else None

    return _using(read, [part])


def _present(plain: Any, source: Any, _like: Any) -> Expression:
    if not isinstance(plain, str):
        raise ValueError('present takes a word: {present: ci, in: "resource:cicd.pipeline.run.id"}')  # noqa: TRY004
    read = _source(source).read
    return Expression(lambda record: None if read(record) in (None, "", []) else plain)  # it uses nothing up


def _unlike(plain: Any, source: Any, _like: Any) -> Expression:
    other, part = compile_expression(plain), _source(source)

    def read(record: Record) -> Any:
        value = part.read(record)
        return None if value == other.read(record) else value

    return _using(read, [part])


def _part(plain: Any, source: Any, like: Any) -> Expression:
    if not isinstance(plain, int) or not isinstance(like, str) or not 0 < plain <= like.count("*"):
        raise ValueError('part takes a number, and beside it "like": {part: 2, like: "mcp__*__*", in: tool_name}')
    literals, part = like.split("*"), _source(source)

    def read(record: Record) -> str | None:
        text = part.read(record)
        found = pieces(text, literals) if isinstance(text, str) else None
        return found[plain - 1] or None if found else None

    return _using(read, [part])


# ---- usage ----


def _first_kind(plain: Any, _in: Any, _like: Any) -> Expression:
    read_session = compile_expression(plain).read

    def read(record: Record) -> bool | None:
        kinds = record.settings.kinds
        session = read_session(record)
        name = session if isinstance(session, str) and len(session) <= _LONGEST_SESSION else ""
        return kinds.counts(name, record.event.signal) if kinds is not None else None

    return Expression(read)


# ---- content that is described and not shown ----


def _texts(record: Record, parts: Sequence[Expression]) -> list[str] | None:
    """Return all texts of the parts; None if there is none, or if one was cut: then nothing true can be said."""
    texts = [text for part in parts for text in _flat(part.read(record))]
    return texts if texts and not any(map(is_cut, texts)) else None


def _flat(value: AttributeValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _bytes(plain: Any, _in: Any, _like: Any) -> Expression:
    parts = _parts(plain)

    def read(record: Record) -> int | None:
        texts = _texts(record, parts)
        return None if texts is None else sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)

    return _using(read, parts)


def _hash(plain: Any, _in: Any, _like: Any) -> Expression:
    parts = _parts(plain)

    def read(record: Record) -> str | None:
        texts = _texts(record, parts) if record.settings.key else None
        if texts is None:
            return None
        return hmac.new(
            record.settings.key, "\0".join(texts).encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()

    return _using(read, parts)


#: Operator -> what makes an expression of what stands beside it, of `in` and of `like`.
OPERATORS: dict[str, Callable[[Any, Any, Any], Expression]] = {
    "sum": _sum,  # of whole numbers; those that are missing count 0
    "difference": _difference,  # the first without the others, never below 0
    "divide": _divide,
    "first_word": _text_of(_first_word),
    "uncut": _text_of(_uncut),  # a text that the client has not shortened
    "shell": _shell,  # a text, or a list of words as a command line
    "json": _json,  # a text, or a map or list as JSON
    "after": _after,  # what follows the first of one or several markers, up to the end of the line
    "before": _before,  # what precedes a marker
    "which": _which,  # the meaning of the marker that comes first
    "present": _present,  # a word, where there is a value
    "unlike": _unlike,  # a value, where it is another one than that of an attribute
    "part": _part,  # what stands for the n-th * of a pattern
    "first_kind": _first_kind,  # whether no event of another signal gave usage in this session before
    "bytes": _bytes,  # length in UTF-8
    "hash": _hash,  # HMAC-SHA-256 with the installation's key over texts with NUL between them
}
