"""What the benchmarks measure with: whatever a subject's client or server does in HTTP, nothing is miscounted."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LIMIT = 60  # seconds


@pytest.fixture
def sink() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, str(BENCHMARKS / "sink.py")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        yield int(process.stdout.readline())
        process.kill()
        process.wait()


def post(port: int, body: Any, **headers: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as connection:
        connection.request("POST", "/services/collector", body, {k.replace("_", "-"): v for k, v in headers.items()})
        return connection.getresponse().status


def get(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def test_the_sink_counts_what_comes_whole_in_chunks_and_compressed(sink: int) -> None:
    assert post(sink, b"evt-0000000001 evt-0000000002") == 200
    assert post(sink, iter([b"evt-00000", b"00003 CANA", b"RY"])) == 200
    assert post(sink, gzip.compress(b"evt-0000000003 /home/ownerCANARY"), Content_Encoding="gzip") == 200
    assert post(sink, b"no gzip evt-0000000009", Content_Encoding="gzip") == 200
    assert post(sink, gzip.compress(b"evt-0000000009")[:-9], Content_Encoding="gzip") == 200
    counts = json.loads(get(sink, "/counts"))
    assert {name: counts[name] for name in ("unique", "duplicates", "leaked", "requests", "unreadable")} == {
        "unique": 3,
        "duplicates": 1,
        "leaked": 2,
        "requests": 5,
        "unreadable": 2,
    }
    assert counts["latest"] > 0
    assert sorted(map(int, get(sink, "/numbers").split())) == [1, 2, 3]
    assert json.loads(get(sink, "/services/collector/health")) == {"text": "HEC is healthy", "code": 17}


def test_the_sink_asks_for_a_body_that_waits_to_be_asked_for_and_ends_a_connection_when_told(sink: int) -> None:
    with socket.create_connection(("127.0.0.1", sink), LIMIT) as connection, connection.makefile("rb") as answers:
        connection.sendall(
            b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 14\r\n\r\n"
        )
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.sendall(b"evt-0000000001")
        assert answers.read().endswith(b'{"text":"Success","code":0}')
    assert json.loads(get(sink, "/counts"))["unique"] == 1


def test_the_sink_outlives_who_speaks_no_http(sink: int) -> None:
    with socket.create_connection(("127.0.0.1", sink), LIMIT) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert connection.recv(100) == b""
    assert json.loads(get(sink, "/counts"))["requests"] == 0


def answer_one(server: socket.socket, answer: bytes) -> None:
    """Take one request on a connection of its own, answer and close."""
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as stream:
        size = 0
        while (line := stream.readline()) not in {b"\r\n", b""}:
            if line.lower().startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        assert len(stream.read(size)) == size
        connection.sendall(answer)


@contextmanager
def answering(answers: list[bytes]) -> Iterator[int]:
    """Give a server that answers so many requests, each on a connection of its own; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: [answer_one(server, answer) for answer in answers], daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(LIMIT)
        assert not thread.is_alive()


def load(port: int, events: int) -> dict[str, Any]:
    arguments = ["--port", str(port), "--events", str(events), "--batch", "2", "--connections", "1"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "load.py"), *arguments], capture_output=True, timeout=LIMIT, check=True
    )
    assert done.stderr == b""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


ACCEPTED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", "503"),
        (b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n", "429"),
        (b"", "0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", "0"),
        (b"nonsense\r\n\r\n", "0"),
    ],
    ids=["refused", "refused without a length", "no answer", "cut short", "nonsense"],
)
def test_the_load_sends_again_what_was_not_acknowledged(first: bytes, status: str) -> None:
    with answering([first, ACCEPTED, ACCEPTED]) as port:
        found = load(port, 4)
    assert found["acknowledged"] == [1, 3]
    assert found["statuses"] == {status: 1, "200": 2}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nthat ends with the connection",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["without a length", "in chunks", "after a hint"],
)
def test_the_load_takes_every_acknowledgement(answer: bytes) -> None:
    with answering([answer]) as port:
        found = load(port, 2)
    assert found["acknowledged"] == [1]
    assert sum(found["statuses"].values()) == 1


def test_the_load_does_not_send_again_what_is_refused_for_good() -> None:
    with answering([b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ACCEPTED]) as port:
        found = load(port, 4)
    assert (found["acknowledged"], found["statuses"]) == ([3], {"200": 1, "400": 1})
