"""Hostile calls to the gRPC port of a real `beacon run`, each followed by a good one that has to be accepted."""

from __future__ import annotations

import json
import random
import socket
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.e2e.crash.process import BeaconProcess, HangingError
from tests.fuzz import mutations
from tests.fuzz.corpus import PROTOBUF, samples
from tests.fuzz.http_campaign import excerpt
from tests.unit.receivers.otlp.grpc_calls import LOGS, PATHS, open_channel, send

#: What a hostile call may end with. Never INTERNAL or UNKNOWN: those are ours.
EXPECTED = frozenset({"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"})
_METHODS = {path: method for method, path in PATHS.items()}
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

PIPELINE = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}, grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 1}}}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters:
  file: {path: out.jsonl, rotation: {max_megabytes: 100000}, fsync: false}
service:
  queue: {path: queue.db}
  pipelines:
    default: {receivers: [otlp], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""


@dataclass
class Result:
    """What became of the calls: by code; the good ones that were accepted; what must not have happened."""

    codes: Counter[str] = field(default_factory=Counter)
    good: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


def grpc_campaign(folder: Path, seed: str, cases: int) -> Result:
    """Make so many hostile calls over one connection, and as many attacks on the connection itself as a tenth."""
    (folder / "pipeline.yaml").write_text(PIPELINE)
    result, chance = Result(), random.Random(seed)
    process = BeaconProcess(folder, drain=120, environ={})
    try:
        process.wait_ready()
        url = json.loads((folder / "ready.json").read_text())["endpoints"]["otlp"]["grpc"]
        with open_channel(urllib.parse.urlsplit(url).netloc) as channel:
            for number in range(cases):
                _one(result, chance, channel, number)
                if number % 10 == 0:
                    _attack(chance, urllib.parse.urlsplit(url))
        process.terminate()
        _check(result, folder, process)
    except HangingError as error:
        result.violations.append(f"{error}\n{process.log()}")
    finally:
        process.kill()
    return result


def _one(result: Result, chance: random.Random, channel: Any, number: int) -> None:
    sample = chance.choice([each for each in samples() if each.kind == PROTOBUF])
    body = sample.body
    if chance.random() < 0.7:
        body = mutations.mutate(chance, body, mutations.PROTOBUF)
    if chance.random() < 0.3:
        body = mutations.mutate(chance, mutations.packed(body), mutations.GZIP)
    compression = chance.choice((None, grpc.Compression.Gzip))
    code = send(channel, _METHODS[sample.path], body, compression=compression).code.name
    result.codes[code] += 1
    if code not in EXPECTED:
        result.violations.append(f"call {number} ended with {code}")
    name = f"good-{number}"
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5).body.string_value = name
    code = send(channel, LOGS, message.SerializeToString()).code.name
    if code == "OK":
        result.good.append(name)
    else:
        result.violations.append(f"the good call after call {number} ended with {code}")


def _attack(chance: random.Random, url: urllib.parse.SplitResult) -> None:
    """Send bytes that are no HTTP/2, or not for long, and go away."""
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as link:
        start = chance.choice((b"", _PREFACE, b"POST /v1/logs HTTP/1.1\r\n\r\n"))
        link.sendall(start + chance.randbytes(chance.choice((0, 9, 200, 5000))))


def _check(result: Result, folder: Path, process: BeaconProcess) -> None:
    code, receipt = process.finish()
    log = process.log()
    if code != 0 or receipt is None or not receipt["balanced"] or receipt["exporters"]["file"]["queued"]:
        result.violations.append(f"ended with exit code {code}, receipt {receipt}\n{log}")
    signs = ("Traceback", " is a bug", "fault of the plugin", "failed with")
    result.violations += [f"the log says {sign!r}: {excerpt(log, sign)}" for sign in signs if sign in log]
    arrived = {
        json.loads(line).get("body") for line in (folder / "out.jsonl").read_bytes().splitlines() if b"good-" in line
    }
    if missing := [name for name in result.good if name not in arrived]:
        result.violations.append(f"{len(missing)} good records did not arrive, such as {missing[0]}")
