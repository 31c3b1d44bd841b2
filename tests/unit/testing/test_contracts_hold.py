"""The contracts hold for what Beacon ships: queues, processors, exporters and receivers."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Exporter, Processor, Queue, Receiver, decode_line, encode_lines
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.processors.fingerprint import FingerprintConfig, FingerprintProcessor
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.queues.sqlite import MemoryQueue, SqliteQueue
from beacon_core.receivers.lines import FileInputConfig, FileInputReceiver, LinesConfig, StdinReceiver
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
from beacon_core.testing import (
    ExporterContract,
    FaultyServer,
    ProcessorContract,
    QueueContract,
    ReceiverContract,
    Request,
    Step,
    make_batch,
    make_samples,
)
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter

SECRET = "00000000-FAKE-FAKE-FAKE-000000000000"
KEY = "FAKE" * 8

# ---- queues ----


class TestSqliteQueue(QueueContract):
    durable = True

    @pytest.fixture
    def make_queue(self, tmp_path: Path) -> Callable[..., Queue]:
        return lambda **options: SqliteQueue(SqliteQueue.config_class(path=tmp_path / "queue.db", **options))


class TestMemoryQueue(QueueContract):
    @pytest.fixture
    def make_queue(self) -> Callable[..., Queue]:
        return lambda **options: MemoryQueue(MemoryQueue.config_class(**options))


# ---- processors ----


class TestFingerprint(ProcessorContract):
    @pytest.fixture
    def processor(self) -> Processor:
        return FingerprintProcessor(FingerprintConfig())


class TestCanonicalize(ProcessorContract):
    @pytest.fixture
    def processor(self) -> Processor:
        return CanonicalizeProcessor(CanonicalizeConfig(attributes={"canonical.value": ["sample.value"]}))


class TestSanitize(ProcessorContract):
    @pytest.fixture
    def processor(self) -> Processor:
        return SanitizeProcessor(SanitizeConfig())

    @pytest.fixture
    def batch(self) -> Any:
        return make_samples(value={"password": "hunter2", "text": ["sk_live_" + "FAKEfake0000"]})


# ---- exporters ----


class TestFileExporter(ExporterContract):
    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return FileExporter(FileConfig(path=str(tmp_path / "out.jsonl")))

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Callable[[], list[str]]:
        return lambda: [decode_line(line).id for line in (tmp_path / "out.jsonl").read_bytes().split(b"\n") if line]

    @pytest.fixture
    def failing_exporter(self, tmp_path: Path) -> Exporter:
        (tmp_path / "file").touch()
        return FileExporter(FileConfig(path=str(tmp_path / "file" / "out.jsonl")))


FAULTS = {
    "reset": Step(fault="reset"),
    "half": Step(fault="half"),
    "hang": Step(fault="hang"),
    "close": Step(fault="close"),
    **{str(status): Step(status=status) for status in (400, 401, 403, 404, 408, 413, 418, 429, 500, 503)},
}


def repeat_credentials(step: Step) -> Callable[[Request], Step]:
    """Answer as some servers do, with the credentials that came in."""

    def answer(request: Request) -> Step:
        return Step(status=step.status, body=json.dumps({"text": dict(request.headers)}).encode(), fault=step.fault)

    return answer


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _request: Step(body=b'{"text": "Success", "code": 0}')) as running:
        yield running


@pytest.fixture(params=FAULTS.values(), ids=FAULTS.keys())
def failing_server(request: pytest.FixtureRequest) -> Iterator[FaultyServer]:
    with FaultyServer(repeat_credentials(request.param)) as running:
        yield running


class TestSplunkExporter(ExporterContract):
    @pytest.fixture
    def exporter(self, server: FaultyServer) -> Exporter:
        return SplunkHecExporter(SplunkHecConfig.model_validate({"endpoint": server.url, "token": SECRET}))

    @pytest.fixture
    def failing_exporter(self, failing_server: FaultyServer) -> Exporter:
        options = {"endpoint": failing_server.url, "token": SECRET, "timeout": "200ms"}
        return SplunkHecExporter(SplunkHecConfig.model_validate(options))

    @pytest.fixture
    def delivered(self, server: FaultyServer) -> Callable[[], list[str]]:
        def ids() -> list[str]:
            lines = [line for request in server.requests for line in request.body.split(b"\n")]
            found = [str(json.loads(line)["fields"]["beacon_id"]) for line in lines]
            return [*dict.fromkeys(found)] if len(found) > len(set(found)) else found  # a summary is several objects

        return ids


class TestDatadogExporter(ExporterContract):
    @pytest.fixture
    def exporter(self, server: FaultyServer) -> Exporter:
        return DatadogExporter(datadog(server.url))

    @pytest.fixture
    def failing_exporter(self, failing_server: FaultyServer) -> Exporter:
        return DatadogExporter(datadog(failing_server.url, timeout="200ms"))


def datadog(url: str, **options: Any) -> DatadogConfig:
    intakes = {"logs": {"endpoint": url}, "metrics": {"endpoint": url}}
    return DatadogConfig.model_validate({"api": {"key": KEY}, **intakes, **options})


# ---- receivers ----


class TestFileInput(ReceiverContract):
    @pytest.fixture
    def receiver(self, tmp_path: Path) -> Receiver:
        (tmp_path / "in.jsonl").write_bytes(encode_lines(make_samples()) + b'{"message": "plain"}\n')
        return FileInputReceiver(FileInputConfig(include=[str(tmp_path / "*.jsonl")]))


@pytest.mark.skipif(os.name == "nt", reason="pipes are read by a thread there, which stays until it reads something")
class TestStdin(ReceiverContract):
    @pytest.fixture
    def receiver(self) -> Iterator[Receiver]:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(encode_lines(make_batch(3)))
        receiver = StdinReceiver(LinesConfig())
        receiver.fd = reading
        yield receiver
        os.close(reading)


class TestOtlp(ReceiverContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        return OtlpReceiver(OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}))

    @pytest.fixture
    def send(self) -> Callable[[Receiver], bool]:
        return send_otlp


def send_otlp(receiver: Receiver) -> bool:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hello"}}]}]}]}
    connection = http.client.HTTPConnection(receiver.endpoints["http"].removeprefix("http://"), timeout=20)
    try:
        connection.request("POST", "/v1/logs", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    finally:
        connection.close()
