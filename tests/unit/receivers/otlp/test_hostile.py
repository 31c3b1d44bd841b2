"""Random and hostile requests: every answer is specific, and the receiver goes on."""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SPECIFIC = {200, 400, 404, 405, 408, 413, 415, 431}
MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

GOOD = (
    b'{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"intValue":"1"}}]},'
    b'"scopeLogs":[{"logRecords":[{"timeUnixNano":"1"}]}]}]}'
)
PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b":",
        b",",
        b"null",
        b"NaN",
        b"1e999",
        b"-",
        b'"\\ud800"',
        b"\xff",
        b'"resourceLogs":',
        b'"scopeLogs":',
        b'"logRecords":',
        b'"body":',
        b'"attributes":',
        b'{"stringValue":"x"}',
    ]
)
JSONLIKE = st.lists(PIECES, max_size=30).map(b"".join)
BODIES = st.binary(max_size=200) | JSONLIKE | st.integers(0, len(GOOD)).map(lambda at: GOOD[:at] + b"\x00" + GOOD[at:])


def check(answer: Any) -> None:
    assert answer.status in SPECIFIC
    if answer.status != 200 and answer.headers["content-type"] == "application/json" and answer.body:
        assert set(json.loads(answer.body)) == {"code", "message"}


@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf"])
def test_p10_random_bodies_get_a_specific_answer(serve: Any, kind: str) -> None:
    served = serve(max_request_body_size=5000)

    @MANY
    @given(body=BODIES, path=st.sampled_from(["/v1/logs", "/v1/metrics", "/v1/traces"]), packed=st.booleans())
    def post(body: bytes, path: str, *, packed: bool) -> None:
        headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if packed else {})
        check(served.post(path, gzip.compress(body)[: len(body) + 15] if packed else body, headers))

    post()
    assert served.post("/v1/logs", GOOD).status == 200


WORDS = st.sampled_from(
    [
        "POST /v1/logs HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "Host: x\r\n",
        "Content-Length: 2\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Content-Type: application/json\r\n",
        "Connection: upgrade\r\n",
        "Connection: close\r\n",
        "Upgrade: h2c\r\n",
        "Expect: 100-continue\r\n",
        "X:\x00y\r\n",
        " folded\r\n",
        "\r\n",
        "{}",
        "0\r\n\r\n",
        "ffffffffffffffffff\r\n",
    ]
)


def test_p10_random_http_gets_a_specific_answer_or_none(serve: Any) -> None:
    served = serve(read_timeout="0.2s", read_header_timeout="0.2s", idle_timeout="0.2s")

    @MANY
    @given(
        text=st.lists(WORDS, max_size=9).map(lambda words: "".join(words).encode("latin-1")) | st.binary(max_size=100)
    )
    def talk(text: bytes) -> None:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as link:
            link.sendall(text)
            link.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: link.recv(65536), b""))
        for part in answer.split(b"HTTP/1.1 ")[1:]:
            assert int(part[:3]) in SPECIFIC | {100}

    talk()
    assert served.post("/v1/logs", GOOD).status == 200
    served.stop()
    assert "internal_error" not in served.counted("refused")


def test_p7_nothing_of_a_request_is_in_a_refusal_or_the_log(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    served = serve()
    secret = "sk_live_" + "FAKE0123456789"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}", "X": secret}
    answers = [
        served.post(f"/{secret}", b"", headers),
        served.post(f"/v1/logs?token={secret}", f'{{"resourceLogs": "{secret}"}}'.encode(), headers),
        served.post("/v1/logs", f'{{"resourceLogs": [{{"{secret}": 1}}, 5]}}'.encode(), headers),
        served.post("/v1/logs", f'{{"{secret}": 1}}'.encode(), headers),
        served.post(
            "/v1/logs",
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"%s"}]}]}]}' % secret.encode(),
            headers,
        ),
        served.post("/v1/logs", secret.encode(), headers | {"Content-Type": f"text/{secret}"}),
        served.post("/v1/logs", secret.encode(), headers | {"Content-Encoding": secret}),
    ]
    assert [answer.status for answer in answers] == [404, 400, 400, 200, 400, 415, 415]
    assert all(secret.encode() not in answer.body for answer in answers)
    assert secret not in caplog.text
    assert secret not in str(list(served.host.counters))


def test_many_connections_that_do_nothing_are_no_trouble(serve: Any) -> None:
    served = serve()
    for _ in range(200):
        served.connect()
    assert served.post("/v1/logs", GOOD).status == 200
