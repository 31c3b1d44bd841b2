"""What both readers of OTLP have in common."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

protobuf = pytest.importorskip("beacon_native.otlp", reason="beacon-native is not built here")
json = pytest.importorskip("beacon_native.otlp_json", reason="beacon-native is not built here")

RECORD = b"\x0a\x0d\x12\x0b\x12\x09\x09\x01" + bytes(7)  # resource, scope, a log record of the time 1
REQUESTS = [
    pytest.param(protobuf, RECORD, id="protobuf"),
    pytest.param(json, b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1}]}]}]}', id="json"),
]


def reader(module: ModuleType, body: Any, event: Any = dict) -> Any:
    return module.Reader(body, "", event=event, span=dict, span_event=dict, resource=dict, scope=lambda *_: None)


@pytest.mark.parametrize(("module", "body"), REQUESTS)
def test_an_event_is_made_from_keyword_arguments(module: ModuleType, body: bytes) -> None:
    (event,) = reader(module, body).logs()
    assert (event["id"], event["signal"], event["time_unix_nano"], event["attributes"]) == ("0", "log", 1, {})


@pytest.mark.parametrize(("module", "body"), REQUESTS)
def test_what_a_callable_raises_comes_out(module: ModuleType, body: bytes) -> None:
    def fails(**_: object) -> None:
        raise RuntimeError("made up")

    with pytest.raises(RuntimeError, match="made up"):
        reader(module, body, fails).logs()


@pytest.mark.parametrize(("module", "body"), REQUESTS)
def test_a_body_is_bytes(module: ModuleType, body: bytes) -> None:
    for wrong in (None, "text", bytearray(body)):
        with pytest.raises(TypeError):
            reader(module, wrong).logs()
