"""Sizes and deadlines (wire.md 1.3): what is too large, too slow or cut short is refused early, and only that."""

from __future__ import annotations

import gzip
import http.client
import json
import struct
import zlib
from typing import Any

import pytest

from beacon_core.errors import InvalidDataError
from beacon_core.receivers.otlp.inflate import MAX_MEMBERS, InflatedTooLargeError, gunzip

LOG = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%s"}}]}]}]}'
JSON = {"Content-Type": "application/json"}
GZIP = JSON | {"Content-Encoding": "gzip"}
HEAD = b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def message(answer: Any) -> str:
    return str(json.loads(answer.body)["message"])


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_413(serve: Any) -> None:
    served = serve(max_request_body_size=1000)
    fitting = LOG % (b"x" * (1000 - len(LOG % b"")))
    assert served.post("/v1/logs", fitting).status == 200
    answer = served.post("/v1/logs", fitting + b" ")
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert message(answer) == "the body is larger than 1000 bytes"
    assert json.loads(answer.body)["code"] == 8


def test_413_comes_before_the_body_is_sent_and_the_connection_is_closed(serve: Any, answer_on: Any) -> None:
    served = serve()
    link = served.send(HEAD + b"Content-Length: 67108865\r\n\r\n")
    assert answer_on(link).status == 413
    assert link.recv(1) == b""
    assert served.counted("refused") == {"too_large": 1}


def test_413_comes_before_100_continue(serve: Any, answer_on: Any) -> None:
    link = serve().send(HEAD + b"Expect: 100-continue\r\nContent-Length: 67108865\r\n\r\n")
    assert answer_on(link).status == 413


def test_a_client_that_sends_on_still_reads_its_413(serve: Any) -> None:
    served = serve(max_request_body_size=1000)
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
        connection.request("POST", "/v1/logs", b"x" * 5_000_000, JSON)
        assert connection.getresponse().status == 413
        connection.close()


def test_a_chunked_body_above_the_limit_is_413_as_soon_as_it_is(serve: Any, answer_on: Any) -> None:
    served = serve(max_request_body_size=1000)
    link = served.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100\r\n" + b" " * 256 + b"\r\n") * 4)
    assert answer_on(link).status == 413  # and the body has no end yet
    assert served.consumer.batches == []


def test_a_body_that_inflates_above_the_limit_is_413(serve: Any) -> None:
    served = serve(max_request_body_size="1MiB")
    bomb = gzip.compress(bytes(1024 * 1024 + 1))
    assert len(bomb) < 2000
    assert served.post("/v1/logs", bomb, GZIP).status == 413
    members = gzip.compress(bytes(600_000)) * 2
    assert served.post("/v1/logs", members, GZIP).status == 413


def test_a_gzip_body_may_have_several_members(serve: Any) -> None:
    served = serve()
    body = LOG % b"members"
    assert served.post("/v1/logs", gzip.compress(body[:9]) + gzip.compress(body[9:]), GZIP).status == 200
    assert [event.body for event in served.consumer.events] == ["members"]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda body: body[:-9], "cut short"),
        (lambda body: body[:5], "cut short"),
        (lambda _: b"", "cut short"),
        (lambda body: body + b"garbage", "followed by something else"),
        (lambda body: body + bytes(8), "followed by something else"),
        (lambda body: body[:-8] + bytes(8), "damaged"),
        (lambda _: b"{}", "damaged"),
        (lambda _: zlib.compress(b"{}"), "damaged"),
    ],
)
def test_a_damaged_gzip_body_is_400_and_the_connection_stays_usable(serve: Any, spoil: Any, text: str) -> None:
    served = serve()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.connect()
    socket = connection.sock
    connection.request("POST", "/v1/logs", spoil(gzip.compress(LOG % b"a")), GZIP)
    answer = connection.getresponse()
    assert text in json.loads(answer.read())["message"]
    assert answer.status == 400
    connection.request("POST", "/v1/logs", b"{}", JSON)
    assert connection.getresponse().status == 200
    assert connection.sock is socket
    connection.close()


def test_a_body_that_does_not_arrive_in_time_is_408_and_holds_up_nobody(serve: Any, answer_on: Any) -> None:
    served = serve(read_timeout="0.3s")
    slow = served.send(HEAD + b"Content-Length: 100\r\n\r\n{")
    assert served.post("/v1/logs", LOG % b"fast").status == 200
    answer = answer_on(slow)
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert message(answer) == "the body did not arrive within 0.3 seconds"
    assert served.counted("refused") == {"slow_body": 1}


def test_many_slow_bodies_do_not_block_others(serve: Any, answer_on: Any) -> None:
    served = serve()
    body = LOG % b"slow"
    slow = [served.send(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body[:7])) for _ in range(40)]
    assert served.post("/v1/logs", LOG % b"fast").status == 200
    assert [event.body for event in served.consumer.events] == ["fast"]
    for link in slow:
        link.sendall(body[7:])
        assert answer_on(link).status == 200
    assert len(served.consumer.batches) == 41


def test_a_head_that_does_not_arrive_in_time_is_408(serve: Any, answer_on: Any) -> None:
    served = serve(read_header_timeout="0.2s")
    link = served.send(HEAD)
    assert answer_on(link).status == 408
    assert link.recv(1) == b""
    assert served.counted("refused") == {"slow_head": 1}


def test_a_head_that_is_too_large_is_431(serve: Any, answer_on: Any) -> None:
    link = serve().send(HEAD + b"X: " + b"x" * 70_000)
    assert answer_on(link).status == 431


@pytest.mark.parametrize("text", [b"", b"\r\n", HEAD + b"Content-Length: 2\r\n\r\n{}"])
def test_an_idle_connection_is_closed_after_the_idle_timeout(serve: Any, answer_on: Any, text: bytes) -> None:
    link = serve(idle_timeout="0.2s").send(text)
    if len(text) > 2:
        assert answer_on(link).status == 200
    assert link.recv(1) == b""


def test_a_body_that_ends_early_is_400_for_a_client_that_still_listens(serve: Any, answer_on: Any) -> None:
    import socket

    served = serve()
    for framing in (b"Content-Length: 100\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"):
        link = served.send(HEAD + framing)
        link.shutdown(socket.SHUT_WR)
        answer = answer_on(link)
        assert (answer.status, message(answer)) == (400, "the connection was closed before the end of the body")


def test_a_connection_reset_in_the_middle_of_a_body_is_counted(serve: Any) -> None:
    import socket

    served = serve()
    link = served.send(HEAD + b"Content-Length: 100\r\n\r\n{}")
    assert served.post("/v1/logs").status == 200  # the one before has been seen
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
    assert served.post("/v1/logs").status == 200
    served.stop()
    assert served.counted("refused") == {"disconnected": 1}


# ---- inflating in steps ----


def test_gunzip_returns_what_was_compressed_over_all_members() -> None:
    parts = [b"", b"a", bytes(300_000), b"end" * 70_000]
    assert gunzip(b"".join(map(gzip.compress, parts)), 10**6) == b"".join(parts)


def test_gunzip_takes_the_limit_and_no_byte_more() -> None:
    assert len(gunzip(gzip.compress(bytes(5000)), 5000)) == 5000
    with pytest.raises(InflatedTooLargeError):
        gunzip(gzip.compress(bytes(5001)), 5000)


def test_gunzip_refuses_a_body_of_very_many_members() -> None:
    with pytest.raises(InvalidDataError, match="members"):
        gunzip(gzip.compress(b"") * (MAX_MEMBERS + 1), 1000)
