"""The contracts hold for what the core brings: queues, processors and receivers.

Exporters ship theirs: plugins/*/tests/test_contract.py and tests/unit/cli/test_plugins_command.py.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Processor, Queue, Receiver, encode_lines
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.processors.fingerprint import FingerprintConfig, FingerprintProcessor
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.queues.sqlite import MemoryQueue, SqliteQueue
from beacon_core.receivers.exec import ExecConfig, ExecReceiver
from beacon_core.receivers.hook import HookConfig, HookReceiver
from beacon_core.receivers.lines import FileInputConfig, FileInputReceiver, LinesConfig, StdinReceiver
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
from beacon_core.receivers.otlp.http_server import new_event_loop
from beacon_core.testing import ProcessorContract, QueueContract, ReceiverContract, make_batch, make_samples

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


@pytest.mark.skipif(os.name == "nt", reason="there is no such command")
class TestExec(ReceiverContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        return ExecReceiver(ExecConfig(command=["echo", '{"message": "hello"}']))


class TestHook(ReceiverContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        return HookReceiver(HookConfig(endpoint="127.0.0.1:0"))

    @pytest.fixture
    def send(self) -> Callable[[Receiver], bool]:
        return lambda receiver: send_json(receiver, "/hook", {"agent": "an_agent", "event": "happened"}, 204)


class TestOtlp(ReceiverContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        new_event_loop().close()  # the first one of a process opens a pipe for signals, which libuv keeps
        return OtlpReceiver(OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}))

    @pytest.fixture
    def send(self) -> Callable[[Receiver], bool]:
        return send_otlp


def send_otlp(receiver: Receiver) -> bool:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hello"}}]}]}]}
    return send_json(receiver, "/v1/logs", body, 200)


def send_json(receiver: Receiver, path: str, body: object, expected: int) -> bool:
    connection = http.client.HTTPConnection(receiver.endpoints["http"].removeprefix("http://"), timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status == expected
    finally:
        connection.close()
