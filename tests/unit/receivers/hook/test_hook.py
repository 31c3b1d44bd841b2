"""The receiver `hook`: what hooks of agents post, over real connections."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_core import Batch, Consumer, Counters, Host, QueueFullError, QueueUnavailableError
from beacon_core.receivers.hook import HookConfig, HookReceiver
from beacon_core.testing import HeldConsumer, ListConsumer
from beacon_core.testing.watching import wait_until

PATIENCE = 30.0
PRE = {
    "session_id": "s-1",
    "transcript_path": "/t.jsonl",
    "cwd": "/w",
    "permission_mode": "default",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "ls"},
    "tool_use_id": "toolu_1",
}


class Running:
    def __init__(self, consumer: Consumer, **options: Any) -> None:
        self.counters = Counters()
        self.receiver = HookReceiver(HookConfig(endpoint="127.0.0.1:0", **options))
        self.receiver.start(Host("hook", self.counters))
        self.address = self.receiver.endpoints["http"].removeprefix("http://")
        self.thread = threading.Thread(target=self.receiver.run, args=(consumer,), daemon=True)
        self.thread.start()

    def post(self, body: Any, path: str = "/hook", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def raw(self, data: bytes) -> bytes:
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def refused(self) -> dict[str, int]:
        return dict(self.counters.reasons("refused", "hook"))


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(consumer: Consumer, **options: Any) -> Running:
        made.append(Running(consumer, **options))
        return made[-1]

    yield start
    for each in made:
        each.receiver.shutdown(5)
        each.thread.join(PATIENCE)
        assert not each.thread.is_alive()


def test_what_claude_code_gives_to_a_hook_is_taken_as_it_is(running: Any) -> None:
    consumer = ListConsumer()
    assert running(consumer).post(PRE) == (204, ""), "an empty answer decides nothing"
    (event,) = consumer.events
    assert event.name == "hook.PreToolUse"
    assert event.resource == {"service.name": "claude-code"}
    assert event.attributes["session.id"] == "s-1"
    assert event.attributes["beacon.source"] == "hook"
    assert event.attributes["tool_input"] == {"command": "ls"}


def test_the_path_says_whose_hook_it_is(running: Any) -> None:
    consumer = ListConsumer()
    run = running(consumer)
    run.post(
        {"hook_event_name": "BeforeTool", "session_id": "g", "timestamp": "2026-11-20T03:25:13Z"}, "/hook/gemini_cli"
    )
    (event,) = consumer.events
    assert event.resource == {"service.name": "gemini_cli"}
    assert event.time_unix_nano == 1_795_145_113_000_000_000


def test_the_envelope(running: Any) -> None:
    consumer = ListConsumer()
    run = running(consumer)
    message = {"agent": "my_agent", "event": "tool.finished", "session_id": "s", "time": "2026-11-20T03:25:13Z"}
    assert run.post({**message, "data": {"tool": "ls", "beacon.source": "forged"}})[0] == 204
    (event,) = consumer.events
    assert (event.name, event.resource) == ("hook.tool.finished", {"service.name": "my_agent"})
    assert event.attributes == {"tool": "ls", "session.id": "s", "beacon.source": "hook"}
    assert event.time_unix_nano == 1_795_145_113_000_000_000


def test_p5_a_message_with_an_id_is_the_same_when_it_comes_again_and_others_never_are(running: Any) -> None:
    consumer = ListConsumer()
    run = running(consumer)
    for _ in range(2):
        run.post({"agent": "a", "event": "e", "id": "m-1"})
        run.post({"agent": "a", "event": "e"})
    ids = [batch.id for batch in consumer.batches]
    assert ids[0] == ids[2]
    assert len({*ids}) == 3
    assert len({event.id for event in consumer.events}) == 3


@pytest.mark.parametrize(
    ("body", "path", "status", "reason", "message"),
    [
        (b"{", "/hook", 400, "invalid_data", "not JSON"),
        (b"[1]", "/hook", 400, "invalid_data", "not a JSON object"),
        (b'"\xff"', "/hook", 400, "invalid_data", "not UTF-8"),
        ({"event": "x"}, "/hook", 400, "invalid_data", 'neither hook_event_name nor "agent"'),
        ({"agent": "a", "event": "e", "tool": 1}, "/hook", 400, "invalid_data", "the rest goes into data"),
        (
            {"agent": "a", "event": "e", "data": []},
            "/hook",
            400,
            "invalid_data",
            "data of a hook's message is no object",
        ),
        ({"agent": "a b", "event": "e"}, "/hook", 400, "invalid_data", "the agent of a hook's message is no name"),
        ({"hook_event_name": 7}, "/hook", 400, "invalid_data", "the event of a hook's message is no name"),
        (PRE, "/hook/a/b", 400, "invalid_data", "the agent"),
        (PRE, "/hooks", 404, "path", "hooks post to /hook"),
        (b"x" * 2_000_000, "/hook", 413, "too_large", "larger than 1048576 bytes"),
    ],
)
def test_p10_what_is_no_message_gets_a_clear_answer(
    running: Any, body: Any, path: str, *, status: int, reason: str, message: str
) -> None:
    consumer = ListConsumer()
    run = running(consumer, max_request_body_size="1MiB")
    answer = run.post(body, path)
    assert answer[0] == status
    assert message in answer[1]
    assert run.refused() == {reason: 1}
    assert run.post(PRE)[0] == 204
    assert len(consumer.events) == 1


def test_a_page_in_a_browser_cannot_post_without_being_asked(running: Any) -> None:
    run = running(ListConsumer())
    assert run.post(PRE, **{"Content-Type": "text/plain"})[0] == 415
    assert run.refused() == {"media_type": 1}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /hook HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n", b"411"),
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}", b"400"),
        (
            b"POST /hook HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
            b"413",
        ),
        (b"POST /hook HTTP/1.1\r\n" + b"a: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (b"\x16\x03\x01 <script>\r\n\r\n", b"400"),
    ],
)
def test_p10_damaged_requests_are_answered_without_repeating_them(running: Any, data: bytes, status: bytes) -> None:
    run = running(ListConsumer())
    answer = run.raw(data)
    assert answer.split()[1] == status
    assert b"script" not in answer
    assert sum(run.refused().values()) == 1


def test_a_client_that_says_nothing_is_left_after_the_time_out(running: Any) -> None:
    run = running(ListConsumer(), read_timeout=0.1)
    host, _, port = run.address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(b"POST /hook HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        assert connection.recv(100).split()[1] == b"408"
    assert run.refused() == {"slow_body": 1}


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def consume(self, batch: Batch) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [(QueueFullError("full"), 429), (QueueUnavailableError("gone"), 503), (OSError("/a/path"), 503)],
)
def test_p1_what_cannot_be_stored_is_not_acknowledged(running: Any, error: Exception, status: int) -> None:
    answer = running(Failing(error)).post(PRE)
    assert answer[0] == status
    assert "/a/path" not in answer[1]


def test_shutdown_lets_a_message_be_stored_that_has_arrived_and_leaves_others(running: Any) -> None:
    consumer = HeldConsumer()
    run = running(consumer)
    answers: list[int] = []
    poster = threading.Thread(target=lambda: answers.append(run.post(PRE)[0]))
    poster.start()
    wait_until(consumer.entered.is_set, PATIENCE, "consume() was not called")
    host, _, port = run.address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as idle:
        idle.sendall(b"POST /hook HTTP/1.1\r\n")
        stopping = threading.Thread(target=run.receiver.shutdown, args=(PATIENCE,))
        stopping.start()
        consumer.release()
        poster.join(PATIENCE)
        stopping.join(PATIENCE)
        assert not stopping.is_alive()
    assert answers == [204]


@pytest.mark.parametrize(
    "endpoint", ["0.0.0.0:1", "192.0.2.1:80", ":4316", "example.com:1", "127.evil.example:1", "[::]:1"]
)
def test_only_this_machine_can_post(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="hooks run on this machine"):
        HookConfig(endpoint=endpoint)


def test_localhost_and_ipv6_are_this_machine() -> None:
    for endpoint in ("localhost:0", "127.0.0.2:0", "[::1]:0"):
        HookConfig(endpoint=endpoint)
