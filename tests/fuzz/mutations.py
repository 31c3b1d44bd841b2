"""Makes hostile bytes out of good ones; what happens is decided by the generator that is passed in alone."""

from __future__ import annotations

import gzip
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytes], bytes]

# ---- any bytes ----


def flip_bits(chance: random.Random, data: bytes) -> bytes:
    """Flip up to eight bits."""
    changed = bytearray(data or b"\0")
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncate(chance: random.Random, data: bytes) -> bytes:
    """Cut the end off."""
    return data[: chance.randrange(len(data) + 1)]


def delete(chance: random.Random, data: bytes) -> bytes:
    """Take a piece out."""
    start, end = _slice(chance, data)
    return data[:start] + data[end:]


def double(chance: random.Random, data: bytes) -> bytes:
    """Repeat a piece, perhaps often."""
    start, end = _slice(chance, data)
    return data[:end] + data[start:end] * chance.choice((1, 1, 2, 50)) + data[end:]


def insert(chance: random.Random, data: bytes) -> bytes:
    """Put random bytes, or many equal ones, in between."""
    at = chance.randrange(len(data) + 1)
    piece = chance.choice((chance.randbytes(chance.randint(1, 20)), b"\0" * 100, b"\xff" * 10, b"\x80" * 11))
    return data[:at] + piece + data[at:]


def overwrite(chance: random.Random, data: bytes) -> bytes:
    """Replace a piece by random bytes of the same length."""
    start, end = _slice(chance, data)
    return data[:start] + chance.randbytes(end - start) + data[end:]


def _slice(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 2, 8, 64, 1000)))


ANY: tuple[Mutation, ...] = (flip_bits, truncate, delete, double, insert, overwrite)

# ---- JSON ----

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}\[\]:,]')
_NASTY: Sequence[bytes] = (
    *(b"null", b"true", b"{}", b"[]", b'""', b"-0", b"0.0", b"-1", b"1e999", b"-1e-999", b"NaN", b"Infinity"),
    *(b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809", b"9" * 400, b"1" + b"0" * 5000),
    *(b'"18446744073709551616"', b'"-1"', b'"1e5"', b'" 1"', b'"0x10"', b'"NaN"', b'"Infinity"', b"01", b"1.", b".5"),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x"', b'"\x00"', b'"\xff"', b'"\xed\xa0\x80"', b'"\n"'),
    *(b'"' + b"x" * 100_000 + b'"', b'"\xf0\x9f\x92\xa9"', b'"AAAA"', b'"===="', b'"zz"', b'"__proto__"', b"'a'"),
    *(b"[" * 70 + b"]" * 70, b"[" * 20_000, b'{"a":' * 200 + b"1" + b"}" * 200, b'{"a":1,"a":2}', b"{,}", b"[1,]"),
    *(b'{"stringValue":"a","intValue":"1"}', b'{"kvlistValue":{"values":[{}]}}', b'{"arrayValue":{"values":[null]}}'),
    *(b'{"doubleValue":"-Infinity"}', b'{"bytesValue":"!"}', b'{"intValue":1.5}', b'{"value":{"value":{}}}', b"/**/1"),
)


def replace_token(chance: random.Random, data: bytes) -> bytes:
    """Put something nasty in the place of one or two tokens."""
    for _ in range(chance.choice((1, 1, 2))):
        start, end = _token(chance, data)
        data = data[:start] + chance.choice(_NASTY) + data[end:]
    return data


def delete_token(chance: random.Random, data: bytes) -> bytes:
    """Leave a token out."""
    start, end = _token(chance, data)
    return data[:start] + data[end:]


def swap_tokens(chance: random.Random, data: bytes) -> bytes:
    """Exchange two tokens."""
    (a, b), (c, d) = sorted((_token(chance, data), _token(chance, data)))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:] if b <= c else data


def wrap(chance: random.Random, data: bytes) -> bytes:
    """Put the whole into an array or object, or something before or after it."""
    before, after = chance.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"\xef\xbb\xbf", b""), (b"", b"{}"), (b" \n", b"\0"))
    )
    return before + data + after


def _token(chance: random.Random, data: bytes) -> tuple[int, int]:
    found = [match.span() for match in _TOKEN.finditer(data)]
    return chance.choice(found) if found else (0, 0)


JSON: tuple[Mutation, ...] = (*ANY, replace_token, replace_token, replace_token, delete_token, swap_tokens, wrap)

# ---- protobuf ----

_FIELDS: Sequence[bytes] = (
    *(b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x0b", b"\x0c", b"\x0b" * 200),
    *(b"\x00\x00", b"\x07\x00", b"\x0f", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0a\x00", b"\x12\x00"),
    *(b"\x0a\x02\xff\xfe", b"\x0d\x01", b"\x09\x01\x02", b"\xfa\xff\xff\xff\x0f\x01a", b"\x0a\x01", b"\x2a\x03abc"),
)


def add_field(chance: random.Random, data: bytes) -> bytes:
    """Put a field that is damaged, unknown or of the wrong type somewhere."""
    at = chance.choice((0, len(data), chance.randrange(len(data) + 1)))
    return data[:at] + chance.choice(_FIELDS) + data[at:]


def nest(chance: random.Random, data: bytes) -> bytes:
    """Put the whole into messages within messages, with true or wrong lengths."""
    for _ in range(chance.choice((1, 2, 90, 150))):
        data = b"\x0a" + _varint(max(0, len(data) + chance.choice((0, 0, 0, 0, 1, -1)))) + data
    return data


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


PROTOBUF: tuple[Mutation, ...] = (*ANY, add_field, add_field, nest)

# ---- gzip: these make compressed bytes of plain ones ----


def packed(data: bytes) -> bytes:
    """Return gzip of `data`, the same at any time."""
    return gzip.compress(data, 1, mtime=0)


def _packed_then(mutation: Mutation) -> Mutation:
    return lambda chance, data: mutation(chance, packed(data))


def _wrong_trailer(chance: random.Random, data: bytes) -> bytes:
    return packed(data)[:-8] + struct.pack("<II", chance.getrandbits(32), chance.choice((0, 2**32 - 1)))


def _more_after(chance: random.Random, data: bytes) -> bytes:
    more = (b"\0", b"x", packed(b" "), packed(b"") * 12_000, b"\x1f\x8b", packed(b"}")[:-3])
    return packed(data) + chance.choice(more)


def _bomb(chance: random.Random, data: bytes) -> bytes:
    return packed(data + b" " * chance.choice((2**20, 2**24)))


def _other_format(chance: random.Random, data: bytes) -> bytes:
    return chance.choice((data, zlib.compress(data), b"", packed(packed(data)), b"\x1f\x8b\x08\xff"))


GZIP: tuple[Mutation, ...] = (
    *(_packed_then(mutation) for mutation in (truncate, flip_bits, delete, insert, double)),
    *(_wrong_trailer, _more_after, _bomb, _other_format),
)


def mutate(chance: random.Random, data: bytes, mutations: Sequence[Mutation]) -> bytes:
    """Apply one to three mutations."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = chance.choice(mutations)(chance, data)
    return data
