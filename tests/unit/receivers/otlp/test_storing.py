"""After the body: storing, back-pressure, clients that have gone, and shutdown (wire.md 1.5 and 1.10)."""

from __future__ import annotations

import gzip
import json
import logging
import random
import socket
import struct
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from beacon_core.component import Host
from beacon_core.errors import QueueError, QueueFullError, QueueUnavailableError
from beacon_core.event import Batch
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
from beacon_core.testing import ListConsumer

LOG = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%s"}}]}]}]}'


JSON = {"Content-Type": "application/json"}


def request(body: bytes) -> bytes:
    head = b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def test_p1_the_answer_waits_until_the_batch_is_durable(serve: Any, gate: Any, answer_on: Any) -> None:
    served = serve(gate)
    link = served.send(request(LOG % b"a"))
    assert gate.entered.acquire(timeout=20)
    link.setblocking(False)
    with pytest.raises(BlockingIOError):
        link.recv(1)
    gate.opened.set()
    link.settimeout(20)
    assert answer_on(link).status == 200


def test_p5_the_same_request_sent_again_has_the_same_batch_id(serve: Any) -> None:
    served = serve()
    served.post("/v1/logs", LOG % b"a")
    served.post("/v1/logs/?again", LOG % b"a")
    first, second = served.consumer.batches
    assert first.id == second.id


class Slow(ListConsumer):
    """A consumer that holds everything until it is opened, and notes how many batches come together."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []
        self.entered, self.opened = threading.Semaphore(0), threading.Event()

    def consume_all(self, batches: Sequence[Batch]) -> None:
        self.groups.append(len(batches))
        self.entered.release()
        assert self.opened.wait(30)
        super().consume_all(batches)


def send_while_held(served: Any, bodies: list[bytes], headers: dict[str, str]) -> list[int]:
    """Send requests while the first is held; return how many were stored together, in turn."""
    slow = served.consumer
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = [pool.submit(served.post, "/v1/logs", body, headers) for body in bodies]
        assert slow.entered.acquire(timeout=20)
        while sum(served.counted("requests").values()) < len(bodies):
            time.sleep(0.01)
        slow.opened.set()
    assert [answer.result().status for answer in answers] == [200] * len(bodies)
    assert sum(slow.groups) == len(slow.batches) == len(bodies)
    return list(slow.groups)


def test_requests_that_arrive_while_others_are_stored_are_stored_together(serve: Any) -> None:
    groups = send_while_held(serve(Slow()), [LOG % b"%d" % number for number in range(20)], JSON)
    assert len(groups) < 20


def test_compressed_requests_that_may_grow_large_are_stored_one_by_one(serve: Any) -> None:
    chance = random.Random(20261120)
    bodies = [gzip.compress(LOG % chance.randbytes(12_000).hex().encode()) for _ in range(5)]
    assert send_while_held(serve(Slow()), bodies, JSON | {"Content-Encoding": "gzip"}) == [1] * 5


def test_p10_a_request_that_fails_for_a_reason_of_its_own_spoils_none_that_are_stored_with_it(
    serve: Any, answer_on: Any
) -> None:
    class Picky(ListConsumer):
        def consume(self, batch: Batch) -> None:
            if batch.events[0].body == "bug":
                raise KeyError
            if batch.events[0].body == "full":
                raise QueueFullError("the queue is full")
            super().consume(batch)

        def consume_all(self, batches: Sequence[Batch]) -> None:
            for batch in batches:  # all or none: look before the first is kept
                if batch.events[0].body in ("bug", "full"):
                    self.consume(batch)
            super().consume_all(batches)

    served = serve(Picky())
    bodies = [LOG % b"a", LOG % b"full", b"damaged", LOG % b"bug", LOG % b"b"]
    link = served.send(b"".join(map(request, bodies)))
    assert [answer_on(link).status for _ in bodies] == [200, 429, 400, 500, 200]
    assert sorted(event.body for event in served.consumer.events) == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (QueueFullError("the queue is full", retry_after=30), 429, "queue_full"),
        (QueueUnavailableError("the disk is full"), 503, "queue_unavailable"),
        (QueueError("locked"), 503, "queue_unavailable"),
        (OSError(28, "No space left", "/secret/path"), 503, "queue_unavailable"),
    ],
)
def test_p10_back_pressure_is_429_or_503_and_asks_for_a_second_at_most(
    serve: Any, error: Exception, status: int, reason: str
) -> None:
    served = serve(ListConsumer(error))
    answer = served.post("/v1/logs", LOG % b"a")
    assert (answer.status, answer.headers["retry-after"]) == (status, "1")
    assert json.loads(answer.body)["code"] == 14
    assert b"secret" not in answer.body
    assert served.counted("refused") == {reason: 1}
    assert served.post("/v1/logs", LOG % b"a").status == 200


def test_a_bug_is_500_logged_once_and_without_the_payload(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def consume_all(self, batches: Sequence[Batch]) -> None:
            raise KeyError(batches[0].events[0].body)

    served = serve(Broken())
    with caplog.at_level(logging.DEBUG):
        answers = [served.post("/v1/logs", LOG % b"hunter2") for _ in range(3)]
    assert [answer.status for answer in answers] == [500] * 3
    assert "retry-after" not in answers[0].headers
    assert b"hunter2" not in answers[0].body
    assert "hunter2" not in caplog.text
    assert caplog.text.count("KeyError in consume_all") == 1
    assert served.counted("refused") == {"internal_error": 3}


def test_refusals_are_logged_once_a_reason(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    served = serve()
    for _ in range(3):
        served.post("/v1/nothing", b"")
        served.post("/v1/logs", b"[hunter2]")
    assert caplog.text.count("refused a request (path)") == 1
    assert caplog.text.count("refused a request (invalid_data)") == 1
    assert "hunter2" not in caplog.text
    assert served.counted("refused") == {"path": 3, "invalid_data": 3}


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("reset", [False, True])
def test_p1_a_body_read_completely_is_stored_though_its_client_has_gone(
    serve: Any, gate: Any, *, size: int, reset: bool
) -> None:
    served = serve(gate)
    link = served.send(request(LOG % (b"x" * size)))
    assert gate.entered.acquire(timeout=20)
    if reset:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
    gate.opened.set()
    served.stop()
    assert len(gate.batches) == 1


def test_p1_clients_that_close_at_once_lose_nothing(serve: Any) -> None:
    served = serve()
    for number in range(50):
        link = served.send(request(LOG % b"%d" % number + b" " * 200_000))
        link.close()
    deadline = time.monotonic() + 60  # a stop goes on reading for a second at most, which a busy machine may need
    while len(served.consumer.batches) < 50 and time.monotonic() < deadline:
        time.sleep(0.01)
    served.stop()
    assert {event.body for event in served.consumer.events} == {str(number) for number in range(50)}


# ---- shutdown ----


def test_shutdown_finishes_what_is_running_and_closes_the_port(serve: Any, gate: Any, answer_on: Any) -> None:
    served = serve(gate)
    link = served.send(request(LOG % b"a"))
    assert gate.entered.acquire(timeout=20)
    idle = served.connect()
    closing = threading.Thread(target=served.receiver.shutdown, args=(20,))
    closing.start()
    assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        served.connect()
    gate.opened.set()
    answer = answer_on(link)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    closing.join(20)
    assert len(gate.batches) == 1


def test_shutdown_does_not_wait_longer_than_its_timeout(serve: Any, gate: Any, answer_on: Any) -> None:
    served = serve(gate)
    link = served.send(request(LOG % b"a"))
    assert gate.entered.acquire(timeout=20)
    served.receiver.shutdown(0.1)
    answer = answer_on(link)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert served.counted("refused") == {"shutting_down": 1}


def test_shutdown_does_not_wait_for_a_body_that_may_never_come(serve: Any) -> None:
    served = serve()
    link = served.send(request(LOG % b"a")[:-5])
    assert served.post("/v1/logs").status == 200
    served.stop()
    assert link.recv(1) == b""


def test_shutdown_is_harmless_unstarted_twice_and_before_run() -> None:
    receiver = OtlpReceiver(OtlpConfig())
    receiver.shutdown(1)
    receiver.shutdown(1)
    config = OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}})
    receiver = OtlpReceiver(config)
    receiver.start(Host("otlp"))
    receiver.shutdown(1)
    receiver.run(ListConsumer())
    receiver.shutdown(1)


def test_shutdown_twice_after_running(serve: Any) -> None:
    served = serve()
    served.post("/v1/logs", LOG % b"a")
    served.stop()
    served.receiver.shutdown(1)
    assert len(served.consumer.batches) == 1


def test_shutdown_at_any_moment_of_the_start_ends_run() -> None:
    config = OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}})
    for _ in range(20):
        receiver = OtlpReceiver(config)
        receiver.start(Host("otlp"))
        thread = threading.Thread(target=receiver.run, args=(ListConsumer(),))
        thread.start()
        receiver.shutdown(5)
        thread.join(20)
        assert not thread.is_alive()


def test_a_request_sent_between_start_and_run_is_served(answer_on: Any) -> None:
    receiver = OtlpReceiver(OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}))
    receiver.start(Host("otlp"))
    with socket.create_connection(
        ("127.0.0.1", int(receiver.endpoints["http"].rpartition(":")[2])), timeout=20
    ) as link:
        link.sendall(request(LOG % b"early"))
        consumer = ListConsumer()
        thread = threading.Thread(target=receiver.run, args=(consumer,))
        thread.start()
        assert answer_on(link).status == 200
    receiver.shutdown(5)
    thread.join(20)
    assert [event.body for event in consumer.events] == ["early"]
