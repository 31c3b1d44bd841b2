"""A real `beacon run` with OTLP over gRPC: ready file, signals, crashes, and what hostile clients leave on stderr."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.e2e.conftest import PIPELINE as HTTP_PIPELINE
from tests.unit.receivers.otlp.grpc_calls import LOGS, call, open_channel, send

PIPELINE = HTTP_PIPELINE.replace("http:", "grpc:")
OK = grpc.StatusCode.OK


def request(body: str) -> bytes:
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5).body.string_value = body
    return message.SerializeToString()


def target_of(run: Any) -> str:
    endpoints = run.wait_ready()["endpoints"]["otlp"]
    assert list(endpoints) == ["grpc"]
    url: str = endpoints["grpc"]
    return url.removeprefix("http://")


class Clients:
    """Threads that send uniquely named records until the server has gone, and note which were acknowledged."""

    def __init__(self, target: str, name: str) -> None:
        self.acknowledged: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(target, f"{name}-{n}")) for n in range(4)]
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < 50:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _run(self, target: str, name: str) -> None:
        number = 0
        with open_channel(target) as channel:
            while send(channel, LOGS, request(f"{name}-{number}")).code == OK:
                self.acknowledged.append(f"{name}-{number}")
                number += 1

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_p1_the_end_of_a_run_under_load_loses_no_acknowledged_call(beacon: Callable[..., Any], number: int) -> None:
    run = beacon(PIPELINE)
    clients = Clients(target_of(run), "a")
    receipt = run.stop(number)
    clients.join()
    delivered = [line["body"] for line in run.lines()]
    assert set(clients.acknowledged) <= set(delivered)
    assert receipt["exporters"]["file"]["delivered"] == len(delivered) == len(set(delivered))


def test_p1_p5_killed_under_load_an_acknowledged_call_is_delivered_and_a_repeated_one_is_stored_once(
    beacon: Callable[..., Any],
) -> None:
    run = beacon(PIPELINE)
    clients = Clients(target_of(run), "a")
    run.process.kill()
    run.process.wait()
    clients.join()
    again = beacon(PIPELINE)
    with open_channel(target_of(again)) as channel:
        for body in clients.acknowledged[-20:]:
            assert send(channel, LOGS, request(body)).code == OK
    receipt = again.stop()
    assert receipt["deduplicated"] == 20
    assert set(clients.acknowledged) <= {line["body"] for line in again.lines()}


def test_p7_what_clients_do_wrong_is_one_line_each_in_the_log_and_no_noise(beacon: Callable[..., Any]) -> None:
    run = beacon(PIPELINE)
    target = target_of(run)
    with open_channel(target) as channel:
        for _ in range(3):
            assert send(channel, LOGS, b"hunter2").code == grpc.StatusCode.INVALID_ARGUMENT
            assert send(channel, "/hunter2/Export", b"").code == grpc.StatusCode.UNIMPLEMENTED
            deflate = send(channel, LOGS, request("x" * 1000), compression=grpc.Compression.Deflate)
            assert deflate.code == grpc.StatusCode.UNIMPLEMENTED
    assert call(target, LOGS, request("good")).code == OK
    receipt = run.stop()
    assert receipt["refused"] == {"otlp": 6}
    log = run.log.read_text()
    assert "hunter2" not in log
    assert [line.split()[2] for line in log.splitlines() if "refused a request" in line] == ["WARNING"] * 2
    assert all(
        line[:4].isdecimal()
        for line in log.splitlines()
        if not line.startswith(("exporter", "file ", "received", "otlp:"))
    )


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_reload_serves_the_same_port_with_other_limits_and_loses_nothing(beacon: Callable[..., Any]) -> None:
    run = beacon(PIPELINE)
    target = target_of(run)
    assert call(target, LOGS, request("before")).code == OK
    limited = f'{{grpc: {{endpoint: "{target}", max_recv_msg_size_mib: 1}}}}'
    (run.folder / "pipeline.yaml").write_text(PIPELINE.replace('{grpc: {endpoint: "127.0.0.1:0"}}', limited))
    run.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while call(target, LOGS, request("x" * 2_000_000)).code != grpc.StatusCode.RESOURCE_EXHAUSTED:
        assert time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.05)
    assert call(target, LOGS, request("after")).code == OK
    run.stop()
    bodies = [line["body"] for line in run.lines()]
    assert (bodies[0], bodies[-1]) == ("before", "after")
