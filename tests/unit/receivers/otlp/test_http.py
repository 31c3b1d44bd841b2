"""OTLP over HTTP as clients speak it: paths, headers, framing, and answers in order (wire.md 1.2 to 1.5)."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import shutil
import socket
import subprocess
from typing import Any

import pytest

LOG = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%s"}}]}]}]}'
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def raw(body: bytes, *headers: str, path: str = "/v1/logs", length: bool = True) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def bodies(served: Any) -> list[object]:
    return [event.body for event in served.consumer.events]


def test_success_is_200_with_an_exact_length_in_the_encoding_of_the_request(serve: Any) -> None:
    served = serve()
    answer = served.post("/v1/logs", LOG % b"a")
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers == {"content-type": "application/json", "content-length": "2"}
    empty = served.post("/v1/traces", b"", PROTOBUF)
    assert (empty.status, empty.body) == (200, b"")
    assert empty.headers == {"content-type": "application/x-protobuf", "content-length": "0"}
    assert bodies(served) == ["a"]
    assert served.host.counters.get("requests", "otlp") == 2


@pytest.mark.parametrize(("body", "headers"), [(b"{}", JSON), (b'{"resourceSpans":[]}', JSON), (b"", PROTOBUF)])
def test_empty_requests_succeed_and_nothing_is_consumed(serve: Any, body: bytes, headers: dict[str, str]) -> None:
    served = serve()
    assert served.post("/v1/traces", body, headers).status == 200
    assert served.consumer.batches == []


def test_an_empty_json_body_is_400(serve: Any) -> None:
    answer = serve().post("/v1/logs", b"")
    assert answer.status == 400
    assert json.loads(answer.body) == {"code": 3, "message": "logs: the body is empty; an empty request is {} in JSON"}


@pytest.mark.parametrize("path", ["/v1/logs/", "/v1/metrics", "/v1/metrics/", "/v1/traces?x=1"])
def test_one_trailing_slash_and_a_query_are_allowed(serve: Any, path: str) -> None:
    assert serve().post(path).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/v1/logs//", "//v1/logs", "/v1/log", "/V1/logs", "/v1development/profiles", "/x/v1/logs"]
)
def test_any_other_path_is_404_whatever_else_is_wrong(serve: Any, path: str) -> None:
    served = serve()
    answer = served.post(path, b"x", {"Content-Type": "text/plain"}, method="PUT")
    assert answer.status == 404
    assert json.loads(answer.body)["code"] == 12
    assert served.counted("refused") == {"path": 1}


@pytest.mark.parametrize("prefix", ["/otlp", "otlp/", "/otlp/"])
def test_a_prefix_can_be_configured_and_is_then_needed(serve: Any, prefix: str) -> None:
    served = serve(url_path_prefix=prefix)
    assert served.post("/otlp/v1/logs/", LOG % b"a").status == 200
    assert served.post("/v1/logs").status == 404
    assert served.post("/otlpv1/logs").status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_any_other_method_is_405_with_allow(serve: Any, method: str) -> None:
    answer = serve().post("/v1/logs", None, {}, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert json.loads(answer.body)["message"] == "OTLP/HTTP knows POST only"


def test_head_is_405_without_a_body(serve: Any) -> None:
    answer = serve().post("/v1/logs", None, {}, method="HEAD")
    assert (answer.status, answer.body) == (405, b"")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json ;x=y"])
def test_media_types_are_compared_without_case_and_parameters(serve: Any, kind: str) -> None:
    answer = serve().post("/v1/logs", b"{}", {"Content-Type": kind})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/protobuf", "", "é", None])
def test_any_other_media_type_is_415(serve: Any, kind: str | None) -> None:
    answer = serve().post("/v1/logs", b"{}", {} if kind is None else {"Content-Type": kind})
    assert answer.status == 415
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["message"] == "Content-Type must be application/x-protobuf or application/json"


@pytest.mark.parametrize("coding", ["identity", "none", "IDENTITY", ""])
def test_no_compression_has_several_names(serve: Any, coding: str) -> None:
    assert serve().post("/v1/logs", LOG % b"a", JSON | {"Content-Encoding": coding}).status == 200


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_taken(serve: Any, coding: str) -> None:
    served = serve()
    assert served.post("/v1/logs", gzip.compress(LOG % b"a"), JSON | {"Content-Encoding": coding}).status == 200
    assert bodies(served) == ["a"]


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_an_unknown_compression_is_415_and_says_what_is_known(serve: Any, coding: str) -> None:
    answer = serve().post("/v1/logs", b"{}", JSON | {"Content-Encoding": coding})
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, identity")


def test_errors_are_in_the_encoding_of_the_request(serve: Any) -> None:
    answer = serve().post("/v1/logs", b"\xff\xff", PROTOBUF)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/x-protobuf")
    assert answer.body.startswith(b"\x08\x03\x12")
    assert b"ExportLogsServiceRequest" in answer.body


def test_a_warning_is_a_200_with_partial_success_counted_and_logged(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve()
    answer = served.post("/v1/logs", b'{"resource_logs":[{"secret":"hunter2"}]}')
    assert answer.status == 200
    assert "resourceLogs" in json.loads(answer.body)["partialSuccess"]["errorMessage"]
    assert served.counted("tolerated") == {"unknown_fields": 1}
    assert "resource_logs" in caplog.text
    assert "hunter2" not in caplog.text


def test_what_was_put_up_with_is_counted(serve: Any) -> None:
    served = serve()
    served.post("/v1/logs", LOG % b"\\ud83d")
    assert served.counted("tolerated") == {"lone_surrogate": 1, "time_missing": 1}


# ---- framing ----


def test_one_connection_serves_one_request_after_the_other(serve: Any) -> None:
    served = serve()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.connect()
    first = connection.sock
    for path, body, status in [("/v1/logs", LOG % b"a", 200), ("/v1/logs", b"{", 400), ("/v1/metrics", b"{}", 200)]:
        connection.request("POST", path, body, JSON)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is first
    connection.close()


def test_requests_sent_at_once_are_answered_in_order(serve: Any, answer_on: Any) -> None:
    served = serve()
    link = served.send(raw(LOG % b"a") + raw(b"{") + raw(LOG % b"c"))
    assert [answer_on(link).status for _ in range(3)] == [200, 400, 200]
    assert bodies(served) == ["a", "c"]


def test_chunked_bodies_without_a_length_are_read(serve: Any) -> None:
    served = serve()
    body = LOG % b"chunked"
    pieces = [body[:5], body[5:6], body[6:]]
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("POST", "/v1/logs", iter(pieces), JSON | {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert bodies(served) == ["chunked"]


@pytest.mark.parametrize(
    "order", [("Transfer-Encoding: chunked", "Content-Length: 5"), ("Content-Length: 5", "Transfer-Encoding: chunked")]
)
def test_length_and_chunks_together_are_400_and_the_connection_is_closed(
    serve: Any, answer_on: Any, order: tuple[str, str]
) -> None:
    served = serve()
    link = served.send(raw(b"2\r\n{}\r\n0\r\n\r\n", *order, length=False))
    answer = answer_on(link)
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert json.loads(answer.body)["code"] == 3
    assert link.recv(1) == b""
    assert served.counted("refused") == {"damaged_http": 1}


@pytest.mark.parametrize(
    "text",
    [b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /v1/logs HTTP/9.9\r\n\r\n"],
)
def test_what_is_no_http_1_1_is_400_and_closed(serve: Any, answer_on: Any, text: bytes) -> None:
    served = serve()
    link = served.send(text)
    assert answer_on(link).status == 400
    assert link.recv(1) == b""
    assert served.post("/v1/logs").status == 200


def test_a_damaged_chunk_is_400_and_counted_once(serve: Any, answer_on: Any) -> None:
    served = serve()
    link = served.send(raw(b"5\r\nab", "Transfer-Encoding: chunked", length=False))
    link.sendall(b"cdeXX\r\n")
    assert answer_on(link).status == 400
    served.stop()
    assert served.counted("refused") == {"damaged_http": 1}


def test_expect_100_continue_is_answered_before_the_body(serve: Any, answer_on: Any) -> None:
    served = serve()
    head, body = raw(LOG % b"a", "Expect: 100-continue").split(b"\r\n\r\n", 1)
    link = served.send(head + b"\r\n\r\n")
    assert link.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    link.sendall(body)
    assert answer_on(link).status == 200
    assert bodies(served) == ["a"]


def test_expect_100_continue_is_not_answered_for_a_request_that_is_refused(serve: Any, answer_on: Any) -> None:
    link = serve().send(raw(b"", "Expect: 100-continue", "Content-Encoding: br", "Content-Length: 5", length=False))
    answer = answer_on(link)
    assert (answer.status, answer.headers["connection"]) == (415, "close")


def test_a_request_of_http_1_0_is_answered_and_the_connection_closed(serve: Any, answer_on: Any) -> None:
    served = serve()
    link = served.send(raw(LOG % b"a").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert answer_on(link).status == 200
    assert link.recv(1) == b""


def test_an_offer_to_upgrade_is_ignored_and_the_body_is_read(serve: Any, answer_on: Any) -> None:
    served = serve()
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    link = served.send(raw(LOG % b"a", *offer))
    assert answer_on(link).status == 200
    assert bodies(served) == ["a"]


def test_answers_are_never_compressed(serve: Any) -> None:
    answer = serve().post("/v1/logs", b"{}", JSON | {"Accept-Encoding": "gzip"})
    assert answer.body == b"{}"
    assert "content-encoding" not in answer.headers


def test_a_client_that_closes_its_half_after_the_body_still_gets_its_answer(serve: Any, answer_on: Any) -> None:
    served = serve()
    link = served.send(raw(LOG % b"a"))
    link.shutdown(socket.SHUT_WR)
    assert answer_on(link).status == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("option", ["--http1.1", "--http1.0", "--http2"])
def test_curl_is_served(serve: Any, option: str) -> None:
    served = serve()
    url = served.receiver.endpoints["http"] + "/v1/logs"
    command = [
        "curl",
        "-sS",
        option,
        "-H",
        "Content-Type: application/json",
        "--data-binary",
        "@-",
        "-w",
        "%{http_code}",
        url,
    ]
    large = LOG % (b"x" * 3_000_000)  # large enough for curl to expect 100-continue
    done = subprocess.run(command, input=large, capture_output=True, timeout=60, check=False)
    assert done.stdout == b"{}200", done.stderr
    assert bodies(served) == ["x" * 3_000_000]


@pytest.mark.parametrize("damage", [b"garbage\r\n\r\n", raw(b"xyz\r\n", "Transfer-Encoding: chunked", length=False)])
def test_p10_requests_before_a_damaged_one_get_their_own_answers_first(
    serve: Any, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve()
    link = served.send(raw(LOG % b"a") + raw(LOG % b"b") + damage)
    answers = link.makefile("rb").read()
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200", b"400"]
    assert bodies(served) == ["a", "b"]
    assert "Exception" not in caplog.text


def test_a_client_that_goes_away_with_requests_under_way_makes_no_noise(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve()
    for _ in range(20):
        link = served.send(raw(LOG % b"a") + raw(LOG % b"b") + raw(LOG % b"c"))
        link.close()
    assert served.post("/v1/logs", LOG % b"d").status == 200
    assert "Exception" not in caplog.text
