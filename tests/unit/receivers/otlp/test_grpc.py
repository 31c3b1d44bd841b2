"""OTLP over gRPC: the same events, limits and answers as over HTTP (wire.md 1.3, 1.5 and 1.6)."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from beacon_core import Batch, QueueError, QueueFullError, QueueUnavailableError
from beacon_core.testing import ListConsumer
from tests.unit.receivers.otlp.grpc_calls import LOGS, METRICS, PATHS, TRACES, call, open_channel, send, status_of

CODE = grpc.StatusCode
GZIP = grpc.Compression.Gzip
AGENTS = Path(__file__).parents[4].parent / "shared" / "fixtures" / "agents"
RECORDED = AGENTS / "claude_code" / "plain_grpc" / "manifest.json"


def request(*bodies: str) -> bytes:
    message = ExportLogsServiceRequest()
    records = message.resource_logs.add().scope_logs.add().log_records
    for body in bodies:
        records.add(time_unix_nano=5).body.string_value = body
    return message.SerializeToString()


# ---- what arrives ----


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded sessions are not here")
def test_a_recorded_session_over_grpc_arrives_whole(serve_grpc: Any) -> None:
    served = serve_grpc()
    entries = json.loads(RECORDED.read_text())
    with open_channel(served.target) as channel:
        for entry in entries:
            answer = send(channel, entry["path"], (RECORDED.parent / entry["file"]).read_bytes())
            assert (answer.code, answer.body) == (CODE.OK, b"")
    assert [len(batch) for batch in served.consumer.batches] == [entry["records"] for entry in entries]
    assert served.counted("requests") == {"": len(entries)}
    assert served.counted("refused") == {}


@pytest.mark.parametrize("compression", [None, GZIP])
def test_p5_a_message_gives_the_same_batch_over_grpc_and_over_http(serve_protocols: Any, compression: Any) -> None:
    served = serve_protocols({"http": {"endpoint": "127.0.0.1:0"}, "grpc": {"endpoint": "127.0.0.1:0"}})
    message = request("a", "b" * 5000)
    served.post("/v1/logs", message, {"Content-Type": "application/x-protobuf"})
    assert call(served.target, LOGS, message, compression=compression).code == CODE.OK
    first, second = served.consumer.batches
    assert first == second
    assert [event.body for event in first] == ["a", "b" * 5000]


def test_json_protobuf_and_grpc_give_equal_events(serve_protocols: Any) -> None:
    served = serve_protocols({"http": {"endpoint": "127.0.0.1:0"}, "grpc": {"endpoint": "127.0.0.1:0"}})
    log = {"timeUnixNano": "5", "body": {"stringValue": "a"}}
    served.post("/v1/logs", json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).encode())
    served.post("/v1/logs", request("a"), {"Content-Type": "application/x-protobuf"})
    call(served.target, LOGS, request("a"))
    as_json, protobuf, over_grpc = served.consumer.events
    assert protobuf == over_grpc
    members = [name for name in as_json.__struct_fields__ if name != "id"]
    assert [getattr(as_json, name) for name in members] == [getattr(protobuf, name) for name in members]


@pytest.mark.parametrize("method", PATHS)
def test_an_empty_request_is_fine(serve_grpc: Any, method: str) -> None:
    served = serve_grpc()
    answer = call(served.target, method, b"")
    assert (answer.code, answer.body) == (CODE.OK, b"")
    assert served.consumer.batches == []


def test_a_request_that_seems_empty_is_taken_with_a_warning(serve_grpc: Any, caplog: pytest.LogCaptureFixture) -> None:
    served = serve_grpc()
    answer = call(served.target, LOGS, b"\x9a\x06\x01x")  # a field that OTLP does not have
    response = ExportLogsServiceResponse.FromString(answer.body)
    assert response.partial_success.rejected_log_records == 0
    assert "does not know" in response.partial_success.error_message
    assert "a sender of /v1/logs should know" in caplog.text


# ---- limits and refusals ----


def test_p10_a_message_over_the_limit_is_resource_exhausted_and_not_to_be_repeated(
    serve_grpc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve_grpc(max_recv_msg_size_mib=1)
    answer = call(served.target, LOGS, request("x" * 1024 * 1024))
    assert (answer.code, answer.retry_delay) == (CODE.RESOURCE_EXHAUSTED, None)
    assert call(served.target, LOGS, request("x" * 1_000_000)).code == CODE.OK
    assert served.counted("refused") == {"no_message": 1}
    assert "max_recv_msg_size_mib (1)" in caplog.text


def test_p10_a_small_message_that_inflates_beyond_the_limit_is_resource_exhausted(serve_grpc: Any) -> None:
    served = serve_grpc(max_recv_msg_size_mib=1)
    answer = call(served.target, LOGS, request("x" * 20 * 1024 * 1024), compression=GZIP)
    assert (answer.code, answer.retry_delay) == (CODE.RESOURCE_EXHAUSTED, None)
    assert answer.message == "the decompressed body is larger than 1048576 bytes"
    assert served.counted("refused") == {"too_large": 1}
    assert served.consumer.batches == []


def test_p10_what_cannot_be_decoded_is_an_invalid_argument(serve_grpc: Any) -> None:
    served = serve_grpc()
    with open_channel(served.target) as channel:
        answers = [send(channel, LOGS, bad) for bad in (b"\xff" * 20, request("a")[:-1], gzip.compress(b"x")[:-1])]
        assert send(channel, LOGS, request("good")).code == CODE.OK
    for answer in answers:
        assert (answer.code, answer.details.code, answer.retry_delay) == (CODE.INVALID_ARGUMENT, 3, None)
        assert answer.details.message == answer.message
    assert served.counted("refused") == {"invalid_data": 3}


@pytest.mark.parametrize("method", ["/foo/Bar", LOGS.replace("Export", "Import"), "/v1/logs"])
def test_p10_another_method_is_unimplemented(serve_grpc: Any, method: str) -> None:
    served = serve_grpc()
    assert call(served.target, method, b"").code == CODE.UNIMPLEMENTED
    assert served.counted("refused") == {"path": 1}


def test_p10_a_compression_that_is_not_offered_is_unimplemented(serve_grpc: Any) -> None:
    served = serve_grpc()
    answer = call(served.target, LOGS, request("x" * 1000), compression=grpc.Compression.Deflate)
    assert answer.code == CODE.UNIMPLEMENTED
    assert served.consumer.batches == []


def test_a_message_that_does_not_come_ends_its_call_and_holds_up_no_other(serve_grpc: Any) -> None:
    served = serve_grpc(read_timeout=0.5)
    never = threading.Event()

    def nothing() -> Any:
        never.wait()
        yield b""

    with open_channel(served.target) as channel:
        slow = [channel.stream_unary(LOGS).future(nothing()) for _ in range(50)]
        assert send(channel, LOGS, request("quick")).code == CODE.OK
        assert {each.exception(timeout=30).code() for each in slow} == {CODE.DEADLINE_EXCEEDED}
        never.set()
    assert served.counted("refused") == {"slow_body": 50}


# ---- storing ----


def test_p1_the_answer_waits_until_the_batch_is_durable(serve_grpc: Any, gate: Any) -> None:
    served = serve_grpc(gate)
    with open_channel(served.target) as channel:
        answer = channel.unary_unary(LOGS).future(request("a"), timeout=30)
        assert gate.entered.acquire(timeout=20)
        assert not answer.done()
        gate.opened.set()
        assert answer.result(timeout=30) == b""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (QueueFullError("the queue is full", retry_after=30), "queue_full"),
        (QueueUnavailableError("the disk is full"), "queue_unavailable"),
        (QueueError("locked"), "queue_unavailable"),
        (OSError(28, "No space left", "/secret/path"), "queue_unavailable"),
    ],
)
def test_p10_back_pressure_is_unavailable_with_retry_info_of_a_second(
    serve_grpc: Any, error: Exception, reason: str
) -> None:
    served = serve_grpc(ListConsumer(error))
    answer = call(served.target, LOGS, request("a"))
    assert (answer.code, answer.retry_delay, answer.details.code) == (CODE.UNAVAILABLE, 1, 14)
    assert "secret" not in str(answer)
    assert served.counted("refused") == {reason: 1}
    assert call(served.target, LOGS, request("a")).code == CODE.OK


def test_a_bug_is_internal_logged_once_and_without_the_payload(
    serve_grpc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def consume_all(self, batches: Sequence[Batch]) -> None:
            raise KeyError(batches[0].events[0].body)

    served = serve_grpc(Broken())
    with caplog.at_level(logging.DEBUG):
        answers = [call(served.target, LOGS, request("hunter2")) for _ in range(3)]
    assert {(answer.code, answer.retry_delay) for answer in answers} == {(CODE.INTERNAL, None)}
    assert "hunter2" not in str(answers) + caplog.text
    assert caplog.text.count("KeyError in consume_all") == 1
    assert served.counted("refused") == {"internal_error": 3}


def test_p1_a_message_read_completely_is_stored_though_its_client_has_gone(serve_grpc: Any, gate: Any) -> None:
    served = serve_grpc(gate)
    with open_channel(served.target) as channel:
        answer = channel.unary_unary(LOGS).future(request("a"), timeout=30)
        assert gate.entered.acquire(timeout=20)
    assert answer.code() == CODE.CANCELLED
    gate.opened.set()
    served.stop()
    assert [batch.events[0].body for batch in gate.batches] == ["a"]


def test_calls_of_one_connection_are_stored_together_and_a_bad_one_spoils_no_other(serve_grpc: Any) -> None:
    groups: list[int] = []
    entered, opened = threading.Semaphore(0), threading.Event()

    class Slow(ListConsumer):
        def consume_all(self, batches: Sequence[Batch]) -> None:
            groups.append(len(batches))
            entered.release()
            assert opened.wait(30)
            super().consume_all(batches)

    served = serve_grpc(Slow())
    with open_channel(served.target) as channel:
        calls = [channel.unary_unary(LOGS).future(request(str(n)), timeout=30) for n in range(20)]
        damaged = channel.unary_unary(LOGS).future(b"\xff" * 20, timeout=30)
        assert entered.acquire(timeout=20)
        while sum(served.counted("requests").values()) < len(calls) + 1:
            time.sleep(0.01)
        opened.set()
        assert [each.result(timeout=30) for each in calls] == [b""] * 20
        assert damaged.code() == CODE.INVALID_ARGUMENT
        assert send(channel, METRICS, b"").code == send(channel, TRACES, b"").code == CODE.OK
    assert sum(groups) == len(served.consumer.batches) == 20
    assert len(groups) < 20


# ---- shutdown ----


def test_shutdown_finishes_what_is_running_and_closes_the_port(serve_grpc: Any, gate: Any) -> None:
    served = serve_grpc(gate)
    host, port = served.target.rsplit(":", 1)
    with open_channel(served.target) as channel:
        answer = channel.unary_unary(LOGS).future(request("a"), timeout=30)
        assert gate.entered.acquire(timeout=20)
        closing = threading.Thread(target=served.receiver.shutdown, args=(20,))
        closing.start()
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=20).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:  # it was closed while it was waiting to be accepted
                pass
            assert time.monotonic() < deadline, "it goes on accepting"
        assert not answer.done()
        gate.opened.set()
        assert answer.result(timeout=30) == b""
        closing.join(20)
    assert len(gate.batches) == 1


def test_shutdown_does_not_wait_longer_than_its_timeout(serve_grpc: Any, gate: Any) -> None:
    served = serve_grpc(gate)
    with open_channel(served.target) as channel:
        answer = channel.unary_unary(LOGS).future(request("a"), timeout=30)
        assert gate.entered.acquire(timeout=20)
        served.receiver.shutdown(0.1)
        status = status_of(answer.exception(timeout=30))
    assert (status.code, status.retry_delay) == (CODE.UNAVAILABLE, 1)
    assert served.counted("refused") == {"shutting_down": 1}


def test_p1_no_call_that_was_answered_is_lost_when_the_end_comes_in_the_middle(serve_grpc: Any) -> None:
    served = serve_grpc()
    acknowledged: list[str] = []

    def post() -> None:
        with open_channel(served.target) as channel:
            number = 0
            while send(channel, LOGS, request(f"{threading.get_ident()}-{number}")).code == CODE.OK:
                acknowledged.append(f"{threading.get_ident()}-{number}")
                number += 1

    clients = [threading.Thread(target=post) for _ in range(4)]
    for client in clients:
        client.start()
    while len(acknowledged) < 100:
        time.sleep(0.01)
    served.stop()
    for client in clients:
        client.join(30)
    assert set(acknowledged) <= {event.body for event in served.consumer.events}
