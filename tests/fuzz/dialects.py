"""Other ways to write the same request, or nearly the same: what one reader may take and another may not.

Every way is legal JSON or protobuf; what it means may differ (of members or fields that are there twice, one counts).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_SPACES = ("", "", "", " ", "\n", "\t\r\n  ")
_LENGTH = 2  # the wire type of what has a length before it
_FIXED = {1: 8, 5: 4}  # bytes, by wire type


def json_dialect(chance: random.Random, body: bytes) -> bytes:
    """Return JSON with other white space, order, escapes and forms of numbers, each more or less often."""
    writer = _JsonWriter(chance)
    return writer.write(json.loads(body)).encode(errors="surrogatepass")


class _JsonWriter:
    """Writes one document; what it does, and how often, is decided once for all of it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._spaces = chance.choice((_SPACES, ("",), ("",)))
        self._often = {habit: chance.choice((0.0, 0.0, 0.01, 0.3)) for habit in ("order", "escape", "form", "twice")}

    def _does(self, habit: str) -> bool:
        return self._chance.random() < self._often[habit]

    def write(self, value: Any) -> str:
        space = self._chance.choice(self._spaces)
        match value:
            case dict():
                inner = self._object(value)
            case list():
                inner = f"[{','.join(map(self.write, value))}{space}]"
            case str():
                inner = self._text(value)
            case bool() | None:
                inner = json.dumps(value)
            case _:
                inner = self._number(value)
        return f"{space}{inner}{space}"

    def _object(self, members: dict[str, Any]) -> str:
        pairs = list(members.items())
        if self._does("order"):
            self._chance.shuffle(pairs)
        if pairs and self._does("twice") and self._chance.random() < 0.1:
            pairs.append(self._chance.choice(pairs))
        return "{" + ",".join(f"{self._name(name)}:{self.write(value)}" for name, value in pairs) + "}"

    def _name(self, name: str) -> str:
        return self._text(name) if self._does("escape") and self._chance.random() < 0.01 else json.dumps(name)

    def _text(self, text: str) -> str:
        if text.isdigit() and self._does("form"):
            return self._number(int(text))
        return '"' + "".join(map(self._character, text)) + '"'

    def _character(self, character: str) -> str:
        if character == "/" and self._does("escape"):
            return "\\/"
        if character in '"\\' or character < " " or self._does("escape"):
            plain = json.dumps(character)[1:-1]
            return plain.upper().replace("\\U", "\\u") if plain.startswith("\\u") and self._does("escape") else plain
        return character

    def _number(self, number: float) -> str:
        plain = json.dumps(number)
        if not self._does("form"):
            return plain
        return self._chance.choice(
            (plain, f'"{plain}"', f"{plain}.0", f"{plain}e0", f"{float(number):.17E}", f"-{plain}")
        )


def protobuf_dialect(chance: random.Random, body: bytes) -> bytes:
    """Return protobuf with fields in another order, twice or left out, and with lengths and numbers in long forms."""
    often = {habit: chance.choice((0.0, 0.0, 0.002, 0.1)) for habit in ("order", "long", "twice", "without")}
    return _rewritten(chance, body, often, levels=12)


def _rewritten(chance: random.Random, body: bytes, often: dict[str, float], levels: int) -> bytes:
    try:
        fields = list(_fields(body))
    except (IndexError, ValueError):
        return body
    if chance.random() < often["order"]:
        chance.shuffle(fields)
    pieces = []
    for tag, content in fields:
        again = 2 if chance.random() < often["twice"] else 0 if chance.random() < often["without"] else 1
        inner = content
        if tag & 7 == _LENGTH:
            inner = _rewritten(chance, content, often, levels - 1) if levels else content
            inner = _varint(chance, len(inner), often["long"]) + inner
        elif not tag & 7:
            inner = _varint(chance, int.from_bytes(content, "little"), often["long"])
        pieces += [_varint(chance, tag, often["long"]) + inner] * again
    return b"".join(pieces)


def _fields(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each field; of a number its bytes.

    Raises:
        ValueError: this is no message, such as a text.
        IndexError: likewise.
    """
    at = 0
    while at < len(body):
        tag, at = _read_varint(body, at)
        kind = tag & 7
        if kind == 0:
            number, at = _read_varint(body, at)
            yield tag, number.to_bytes(10, "little")
            continue
        size = _FIXED.get(kind, -1)
        if kind == _LENGTH:
            size, at = _read_varint(body, at)
        if size < 0 or tag < 8 or at + size > len(body):
            raise ValueError
        yield tag, body[at : at + size]
        at += size


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (body[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if body[at - 1] < 0x80:
            return value, at


def _varint(chance: random.Random, number: int, often: float) -> bytes:
    """Return a number, perhaps with more bytes than it takes."""
    size = max(1, -(-number.bit_length() // 7))
    if chance.random() < often:
        size = chance.randint(size, 10)
    groups = [number >> 7 * place & 0x7F for place in range(size)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
