"""What the benchmarks send: OTLP requests with made-up records that look like Claude Code's, each with its own number.

A record has 16 attributes. Of every 20, four hold a made-up secret and four others a path in a home folder; both are
marked, so that whoever receives them can tell that they got out. The same seed gives the same records.
"""

from __future__ import annotations

import json
import random
import re
import string
from typing import Literal, TypeAlias

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

Encoding: TypeAlias = Literal["protobuf", "json"]
Attributes: TypeAlias = dict[str, str | int | float]

CONTENT_TYPES: dict[Encoding, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}
CANARY = "CANARY"  # in every secret
OWNER = f"owner{CANARY}"  # whose home folder it is
#: Finds what must not get out: one word for both, since looking for two takes ten times as long.
LEAK = re.compile(CANARY.encode())
#: Finds the number of a record; it stands in a record once.
NUMBER = re.compile(rb"evt-(\d{10})")
_NO_NUMBER = "#" * 10
_START = 1_795_000_000_000_000_000  # Unix nanoseconds
_RESOURCE: Attributes = {"service.name": "claude-code", "service.version": "2.3.4", "os.type": "linux"}
_SCOPE = "com.anthropic.claude_code.events"
_LETTERS = string.ascii_letters + string.digits
_MODELS = ("claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5")
_VERBS = ("rename", "explain", "test", "remove", "document", "review", "split", "measure", "cache", "simplify")
_NOUNS = (
    "the parser",
    "the retry loop",
    "this fixture",
    "every caller",
    "the index page",
    "the lock file",
    "the table",
)


def _random(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_LETTERS, k=length))


def _secret(rng: random.Random, kind: int) -> str:
    """Return a made-up credential as it may stand in a prompt."""
    marked = f"{CANARY}{_random(rng, 30)}"
    return (
        f"curl --header 'Authorization: Bearer {marked}' https://api.example/v2",
        f"the token is eyJhbGciOiJFUzI1NiJ9.{marked}.{_random(rng, 24)}",
        f"paid with sk_live_{marked}",
        f"Authorization: Bearer {_random(rng, 12)}{marked} was refused",
    )[kind]


def _prompt(rng: random.Random, position: int) -> str:
    text = ", then ".join(f"{rng.choice(_VERBS)} {rng.choice(_NOUNS)}" for _ in range(7))
    place = position * 7 % 20  # spread over every 20
    if place < 4:
        return f"{text}; {_secret(rng, place)}"
    if place < 8:
        return f"{text}; see /home/{OWNER}/src/{rng.choice(_VERBS)}/{_random(rng, 6)}.py"
    return f"{text}; and say what has changed in two sentences"


def _attributes(rng: random.Random, position: int, session: Attributes) -> Attributes:
    return {
        **session,
        "event.name": "api_request",
        "event.sequence": position,
        "event.timestamp": f"2026-11-18T10:{position // 60 % 60:02d}:{position % 60:02d}.{rng.randrange(1000):03d}Z",
        "request_id": f"evt-{_NO_NUMBER}",
        "model": rng.choice(_MODELS),
        "cost_usd": round(rng.uniform(0.001, 0.4), 6),
        "duration_ms": rng.randrange(200, 40_000),
        "input_tokens": rng.randrange(5, 30_000),
        "output_tokens": rng.randrange(5, 5_000),
        "cache_read_tokens": rng.randrange(100_000),
        "prompt": _prompt(rng, position),
    }


def _records(size: int, seed: int) -> list[Attributes]:
    rng = random.Random(seed)
    session: Attributes = {
        "session.id": f"{rng.getrandbits(32):08x}-0b1e-4c2d-9f3a-{rng.getrandbits(48):012x}",
        "user.id": f"{rng.getrandbits(256):064x}",
        "user.email": f"person{rng.randrange(90)}@mail.example",
        "organization.id": "7d6c5b4a-1111-4222-8333-444455556666",
        "terminal.type": "tmux",
    }
    return [_attributes(rng, seed * size + index, session) for index in range(size)]


def _json_value(value: str | float) -> dict[str, str | float]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


def _json_pairs(attributes: Attributes) -> list[dict[str, object]]:
    return [{"key": key, "value": _json_value(value)} for key, value in attributes.items()]


def _json(records: list[Attributes]) -> bytes:
    logs = [
        {
            "timeUnixNano": str(_START + index * 1_000_000),
            "severityNumber": 9,
            "severityText": "INFO",
            "body": {"stringValue": "claude_code.api_request"},
            "attributes": _json_pairs(attributes),
        }
        for index, attributes in enumerate(records)
    ]
    scope = {"scope": {"name": _SCOPE}, "logRecords": logs}
    request = {"resourceLogs": [{"resource": {"attributes": _json_pairs(_RESOURCE)}, "scopeLogs": [scope]}]}
    return json.dumps(request, separators=(",", ":")).encode()


def _any_value(value: str | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)


def _pairs(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes.items()]


def _protobuf(records: list[Attributes]) -> bytes:
    logs = [
        LogRecord(
            time_unix_nano=_START + index * 1_000_000,
            severity_number=9,  # type: ignore[arg-type]  # INFO; the stubs want the name
            severity_text="INFO",
            body=AnyValue(string_value="claude_code.api_request"),
            attributes=_pairs(attributes),
        )
        for index, attributes in enumerate(records)
    ]
    scope = ScopeLogs(scope=InstrumentationScope(name=_SCOPE), log_records=logs)
    resource = ResourceLogs(resource=Resource(attributes=_pairs(_RESOURCE)), scope_logs=[scope])
    return ExportLogsServiceRequest(resource_logs=[resource]).SerializeToString()


class Template:
    """A request without the numbers of its records.

    Args:
        size: records in it.
        seed: what else is in it.
        encoding: how it is written.
    """

    def __init__(self, size: int, seed: int, encoding: Encoding) -> None:
        records = _records(size, seed)
        body = _protobuf(records) if encoding == "protobuf" else _json(records)
        self._size = size
        self._format = body.replace(b"%", b"%%").replace(_NO_NUMBER.encode(), b"%010d")

    def fill(self, first: int) -> bytes:
        """Return the request with its records numbered from `first` on."""
        return self._format % tuple(range(first, first + self._size))


def templates(size: int, encoding: Encoding) -> list[Template]:
    """Return different requests, as many as give some hundred records."""
    return [Template(size, seed, encoding) for seed in range(max(10, 400 // size))]
