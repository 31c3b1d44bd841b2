"""The local backend with scripted faults: what a client sees of each."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from beacon_core.testing import FaultyServer, Request, Step


def connect(server: FaultyServer, timeout: float = 20) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=timeout)


def post(server: FaultyServer, body: Any = b"{}", headers: dict[str, str] | None = None, **options: Any) -> int:
    connection = connect(server, **options)
    try:
        connection.request("POST", "/events?a=1", body, headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def chunks() -> Iterator[bytes]:
    yield b"first "
    yield b"second"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def test_without_a_script_every_request_is_answered_with_success() -> None:
    with FaultyServer() as server:
        assert [post(server), post(server)] == [200, 200]
        assert server.url.startswith("http://127.0.0.1:")


def test_it_can_come_back_on_the_port_of_another_one() -> None:
    with FaultyServer() as first:
        assert post(first) == 200
    with FaultyServer(port=int(first.url.rpartition(":")[2])) as second:
        assert second.url == first.url
        assert post(second) == 200


def test_a_request_that_breaks_off_is_none() -> None:
    with FaultyServer() as server:
        address = server.url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
        assert server.requests == []


def test_the_steps_of_a_list_are_taken_in_turn_then_success() -> None:
    with FaultyServer([Step(status=503), Step(status=429)]) as server:
        assert [post(server) for _ in range(4)] == [503, 429, 200, 200]


def test_a_function_decides_by_what_came_in() -> None:
    def decide(request: Request) -> Step:
        return Step(status=413 if len(request.body) > 10 else 200)

    with FaultyServer(decide) as server:
        assert [post(server, b"short"), post(server, b"x" * 11)] == [200, 413]


def test_an_answer_has_the_status_headers_and_body_of_its_step() -> None:
    with FaultyServer([Step(status=429, body=b"busy", headers={"Retry-After": "7"})]) as server:
        connection = connect(server)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.headers["Retry-After"]) == (429, b"busy", "7")
        connection.close()


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate), ("identity", bytes)],
)
def test_what_came_in_is_kept_without_its_compression(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with FaultyServer() as server:
        post(server, encode(b"hello"), {"Content-Encoding": coding, "X-Key": "1"})
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/events?a=1", b"hello")
    assert request.headers["x-key"] == "1"


def test_a_damaged_body_is_kept_as_it_came() -> None:
    with FaultyServer() as server:
        assert post(server, b"no gzip", {"Content-Encoding": "gzip"}) == 200
    assert server.requests[0].body == b"no gzip"


def test_a_body_in_chunks_is_put_together() -> None:
    with FaultyServer() as server:
        assert post(server, chunks()) == 200
    assert server.requests[0].body == b"first second"


@pytest.mark.parametrize(
    "request_line", [b"hello\r\n", b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"POST / HTTP/1.1\r\nx\r\n"]
)
def test_what_is_no_http_ends_the_connection_and_not_the_server(request_line: bytes) -> None:
    with FaultyServer() as server:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20) as link:
            link.sendall(request_line)
            link.shutdown(socket.SHUT_WR)
            while link.recv(1000):
                pass
        assert post(server) == 200


def test_a_connection_can_be_used_again() -> None:
    with FaultyServer([Step(status=503)]) as server:
        connection = connect(server)
        statuses = []
        for _ in range(3):
            connection.request("POST", "/", b"{}")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
    assert statuses == [503, 200, 200]


def test_a_reset_resets_the_connection_after_the_request_was_read() -> None:
    with FaultyServer([Step(fault="reset")]) as server:
        with pytest.raises(ConnectionResetError):
            post(server)
        assert len(server.requests) == 1


def test_close_ends_the_connection_without_a_word() -> None:
    with FaultyServer([Step(fault="close")]) as server:
        with pytest.raises(http.client.RemoteDisconnected):
            post(server)
        assert post(server) == 200


def test_half_an_answer_ends_in_the_middle_of_the_body() -> None:
    with FaultyServer([Step(fault="half", body=b"0123456789")]) as server:
        with pytest.raises(http.client.IncompleteRead) as raised:
            post(server)
        assert raised.value.partial == b"01234"


def test_a_hanging_request_gets_no_answer_and_does_not_keep_the_server_from_ending() -> None:
    with FaultyServer([Step(fault="hang")]) as server:
        with pytest.raises(TimeoutError):
            post(server, timeout=0.05)
        assert post(server) == 200


def test_a_delay_comes_before_the_answer() -> None:
    with FaultyServer([Step(delay=3600)]) as server, pytest.raises(TimeoutError):
        post(server, timeout=0.05)


def test_several_clients_are_served_at_the_same_time() -> None:
    together = threading.Barrier(4)

    def decide(_request: Request) -> Step:
        together.wait(20)
        return Step()

    with FaultyServer(decide) as server:
        threads = [threading.Thread(target=post, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 4


def test_its_end_closes_connections_that_are_kept_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with FaultyServer() as server:
        connection = connect(server)
        connection.request("POST", "/", b"{}")
        connection.getresponse().read()
        idle = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    assert set(threading.enumerate()) <= before
    with suppress(ConnectionResetError):  # which is how one is closed that nobody had accepted yet
        assert idle.recv(1) == b""
    idle.close()
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        post(server)
