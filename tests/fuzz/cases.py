"""Hostile requests: a good one, and what is done to its body, its compression, its head or its framing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.fuzz import mutations
from tests.fuzz.corpus import JSON, PROTOBUF, Sample, samples
from tests.fuzz.values import odd_values

Header = tuple[bytes, bytes]
_PATHS = ("/v1/logs", "/v1/metrics", "/v1/traces")


class Case(NamedTuple):
    """What goes over one connection.

    Attributes:
        kind: what is hostile about it.
        raw: all bytes.
        well_formed: whether the HTTP is in order, so that there has to be exactly one answer.
        end: what the client does after it has sent everything: `half` closes its half, `wait` leaves the connection
            open, `reset` resets it.
    """

    kind: str
    raw: bytes
    well_formed: bool
    end: str = "half"


def make_case(chance: random.Random) -> Case:
    """Return a case; the same for the same state of the generator."""
    kind, make = chance.choices(tuple(_KINDS.items()), weights=_WEIGHTS)[0]
    case = make(chance, chance.choice(samples()))
    if chance.random() < 0.01:
        return case._replace(kind="reset", raw=mutations.truncate(chance, case.raw), well_formed=False, end="reset")
    return case._replace(kind=kind)


def request(path: str, headers: Sequence[Header], body: bytes, *, method: bytes = b"POST") -> bytes:
    """Return the bytes of a request."""
    lines = [
        b"%s %s HTTP/1.1" % (method, path.encode("latin-1")),
        *(b"%s: %s" % header for header in headers),
        b"",
        body,
    ]
    return b"\r\n".join(lines)


def headers_for(sample: Sample, body: bytes) -> list[Header]:
    """Return the headers of a good request."""
    return [
        (b"Host", b"127.0.0.1"),
        (b"Content-Type", sample.kind.encode()),
        (b"Content-Length", str(len(body)).encode()),
    ]


def _mutated(chance: random.Random, sample: Sample) -> bytes:
    return mutations.mutate(chance, sample.body, mutations.JSON if sample.kind == JSON else mutations.PROTOBUF)


def _body(chance: random.Random, sample: Sample) -> Case:
    body = _mutated(chance, sample)
    return Case("", request(sample.path, headers_for(sample, body), body), well_formed=True)


def _values(chance: random.Random, sample: Sample) -> Case:
    body = odd_values(chance, sample)
    return Case("", request(sample.path, headers_for(sample, body), body), well_formed=True)


def _splice(chance: random.Random, sample: Sample) -> Case:
    """Two samples cut and put together; or a body that is of another signal or encoding than its head says."""
    other = chance.choice(samples())
    body = mutations.truncate(chance, sample.body) + other.body[chance.randrange(len(other.body) + 1) :]
    if chance.random() < 0.3:
        body = sample.body
        sample = Sample(chance.choice(_PATHS), chance.choice((JSON, PROTOBUF)), body)
    return Case("", request(sample.path, headers_for(sample, body), body), well_formed=True)


def _random_body(chance: random.Random, sample: Sample) -> Case:
    body = chance.randbytes(chance.choice((0, 1, 2, 5, 20, 200, 5000)))
    return Case("", request(sample.path, headers_for(sample, body), body), well_formed=True)


def _gzip(chance: random.Random, sample: Sample) -> Case:
    if chance.random() < 0.3:
        body = mutations.packed(_mutated(chance, sample))
    else:
        body = chance.choice(mutations.GZIP)(chance, sample.body)
    headers = [*headers_for(sample, body), (b"Content-Encoding", chance.choice((b"gzip", b"GZIP", b"x-gzip")))]
    return Case("", request(sample.path, headers, body), well_formed=True)


# ---- heads ----

_METHODS = (b"GET", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"post", b"PRI", b"FOO", b"", b"P\xffT")
_ODD_PATHS = (
    *("/", "/v1/logs/", "//v1/logs", "/v1/logs?token=1", "/v1/logs#x", "*", "http://other/v1/logs", "/v1/%6cogs"),
    *("/v1/%", "/v1/%zz", "/v1/%ff", "/v1/logs;a", "/v1/profiles", "/v1/logs/../traces", "/" + "a" * 9000, "", "v1"),
    *("/v1/log\x00s", "/v1/l ogs", "/v1/l\xf6gs", "/" + "%20" * 500, "\\v1\\logs"),
)
_VALUES = (
    *(b"", b" ", b"text/plain", b"application/json; charset=utf-16", b"application/x-protobuf;", b"a" * 2000, b"\xff"),
    *(b"gzip, gzip", b"deflate", b"br", b"identity", b"application/JSON", b"multipart/form-data; boundary=x", b"*/*"),
    *(b"close", b"keep-alive", b"upgrade", b"100-continue", b"h2c", b"websocket", b"a\x00b", b"a\tb", b"a\rb", b"a\nb"),
)
_NAMES = (
    *(b"Content-Type", b"Content-Encoding", b"Connection", b"Expect", b"Upgrade", b"Host", b"Accept", b"Trailer"),
    *(b"X-" + b"n" * 500, b"", b" X", b"X ", b"X\xff", b"X\x00", b"Sec-WebSocket-Key", b"HTTP2-Settings", b"Te"),
)


def _head(chance: random.Random, sample: Sample) -> Case:
    """A good body behind a head that is not."""
    headers = headers_for(sample, sample.body)
    method, path = b"POST", sample.path
    for _ in range(chance.choice((1, 1, 2, 3))):
        match chance.randrange(6):
            case 0:
                method = chance.choice(_METHODS)
            case 1:
                path = chance.choice(_ODD_PATHS)
            case 2:
                headers.pop(chance.randrange(len(headers))) if headers else None
            case 3:
                headers.insert(chance.randrange(len(headers) + 1), (chance.choice(_NAMES), chance.choice(_VALUES)))
            case 4:
                headers += [(b"X-%d" % number, b"v" * 60) for number in range(chance.choice((10, 100, 2000)))]
            case _:
                headers.append((chance.choice(_NAMES), chance.randbytes(chance.randint(0, 20))))
    return Case("", request(path, headers, sample.body, method=method), well_formed=False)


def _damaged_head(chance: random.Random, sample: Sample) -> Case:
    head, blank, body = request(sample.path, headers_for(sample, sample.body), sample.body).partition(b"\r\n\r\n")
    mutated = mutations.mutate(chance, head, mutations.ANY)
    mutated = mutated.replace(b"HTTP/1.1", chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"")))
    return Case("", mutated + blank + body, well_formed=False)


# ---- framing ----

_LENGTHS = (
    *(b"0", b"1", b"-1", b"+5", b"0x10", b"5, 5", b"5 5", b"", b"abc", b"99999999999999999999", b"1e3", b"\xb2"),
    *(b"1048577", b"67108865", b"00005"),
)


def _length(chance: random.Random, sample: Sample) -> Case:
    """A Content-Length that is not the body's: what is left over is the start of another request."""
    size = len(sample.body)
    wrong = (str(size + 1), str(max(0, size - 1)), str(size * 2), str(chance.randrange(size + 1)))
    length = chance.choice((*_LENGTHS, *(text.encode() for text in wrong)))
    headers = [*headers_for(sample, b"")[:2], (b"Content-Length", length)]
    if chance.random() < 0.2:
        headers.append((b"Content-Length", str(size).encode()))
    end = "wait" if chance.random() < 0.1 else "half"
    return Case("", request(sample.path, headers, sample.body), well_formed=False, end=end)


def _chunked(chance: random.Random, sample: Sample) -> Case:
    pieces = [sample.body[at : at + 500] for at in range(0, len(sample.body), 500)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    damage: tuple[Callable[[], bytes], ...] = (
        lambda: body,
        lambda: body[:-5],
        lambda: body.replace(b"\r\n", b"\n", 1),
        lambda: body.replace(b"\r\n", b";x=y\r\n", 1),
        lambda: chance.choice((b"-1", b"zz", b"f" * 17, b"ffffffff", b"")) + body,
        lambda: body[:-2] + b"Trailer: x\r\n\r\n",
        lambda: mutations.mutate(chance, body, mutations.ANY),
    )
    headers = [*headers_for(sample, b"")[:2], (b"Transfer-Encoding", chance.choice((b"chunked",) * 5 + _CODINGS))]
    if chance.random() < 0.2:
        headers.append((b"Content-Length", str(len(sample.body)).encode()))
    return Case("", request(sample.path, headers, chance.choice(damage)()), well_formed=False)


_CODINGS = (b"gzip", b"gzip, chunked", b"chunked, chunked", b"Chunked", b"identity", b"", b"chunked\x0b")


def _pipelined(chance: random.Random, sample: Sample) -> Case:
    """Several requests without waiting for answers, some of them damaged."""
    pieces = []
    for _ in range(chance.randint(2, 4)):
        part = chance.choice((_body, _gzip, _head, _length, _random_body))(chance, chance.choice([sample, *samples()]))
        pieces.append(part.raw)
    return Case("", b"".join(pieces), well_formed=False)


def _garbage(chance: random.Random, sample: Sample) -> Case:
    """Bytes that are no HTTP at all, or only the beginning of it."""
    good = request(sample.path, headers_for(sample, sample.body), sample.body)
    raw = chance.choice(
        (
            chance.randbytes(chance.choice((1, 20, 300, 5000))),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(50),  # a TLS client
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(30),
            b"\r\n" * chance.randint(1, 50) + good,
            good[: chance.randrange(len(good))],
            mutations.mutate(chance, good, mutations.ANY),
        )
    )
    return Case("", raw, well_formed=False, end="wait" if chance.random() < 0.03 else "half")


_KINDS: dict[str, Callable[[random.Random, Sample], Case]] = {
    "body": _body,
    "values": _values,
    "splice": _splice,
    "random body": _random_body,
    "gzip": _gzip,
    "head": _head,
    "damaged head": _damaged_head,
    "length": _length,
    "chunked": _chunked,
    "pipelined": _pipelined,
    "garbage": _garbage,
}
_WEIGHTS = (22, 22, 4, 4, 16, 10, 6, 5, 5, 4, 4)
