"""HTTP for exporters, against real sockets: what an answer is, and what it means that there is none."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from beacon_core import (
    BatchTooLargeError,
    ConfigurationError,
    HttpAnswer,
    HttpClient,
    PartialExportError,
    PermanentError,
    RetryableError,
    TlsOptions,
    raise_failures,
)
from beacon_core.http import parse_retry_after
from beacon_core.testing import make_batch

NOW = 1_795_145_112_000_000_000


class Handler(BaseHTTPRequestHandler):
    """Repeats the credential it was sent; or hangs up, or redirects, as the path asks for."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/hang-up"):
            self.close_connection = True
            return
        self.send_response(307 if self.path.startswith("/redirect") else 429)
        self.send_header("Location", "/elsewhere")
        self.send_header("Retry-After", "7")
        body = f"bad token {self.headers['Authorization']} ".encode() + b"x" * 100_000
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(5, TlsOptions(), secrets=["hunter2"], clock=lambda: NOW)
    yield client
    client.close()


def test_an_answer_of_any_status_is_an_answer(client: HttpClient, url: str) -> None:
    answer = client.post(url, b"{}", {})
    assert (answer.status, answer.retry_after, len(answer.body)) == (429, 7.0, 64 * 1024)


def test_p7_a_credential_that_the_server_repeats_is_not_in_the_answer(client: HttpClient, url: str) -> None:
    answer = client.post(url, b"{}", {"Authorization": "Bearer hunter2"})
    assert answer.body.startswith(b"bad token Bearer [REDACTED] x")


def test_p7_a_query_is_in_no_log(client: HttpClient, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post(url, b"{}", {}, query="?dd-api-key=hunter2")
    assert "429" in caplog.text
    assert "hunter2" not in caplog.text


def test_what_a_server_is_told_comes_from_the_caller_and_only_once() -> None:
    heard: list[tuple[str, list[tuple[str, str]]]] = []

    class Listener(Handler):
        def do_POST(self) -> None:
            heard.append((self.path, self.headers.items()))
            super().do_POST()

    client = HttpClient(5, TlsOptions())
    with HTTPServer(("127.0.0.1", 0), Listener) as server, ThreadPoolExecutor(1) as pool:
        for body in (b"first", b"the second"):
            pool.submit(server.handle_request)
            client.post(f"http://127.0.0.1:{server.server_port}/in", body, {"user-agent": "me", "A": "b"}, query="?c=d")
    client.close()
    expected = {"Host": f"127.0.0.1:{server.server_port}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
    for (path, headers), length in zip(heard, ("5", "10"), strict=True):
        assert path == "/in?c=d"
        assert sorted(headers) == sorted((expected | {"user-agent": "me", "A": "b", "Content-Length": length}).items())


def test_nothing_is_sent_by_a_client_that_is_closed(url: str) -> None:
    client = HttpClient(5, TlsOptions())
    client.close()
    with pytest.raises(RetryableError, match="nothing was sent") as raised:
        client.post(url, b"{}", {})
    assert not raised.value.ambiguous


def test_redirects_are_not_followed(client: HttpClient, url: str) -> None:
    assert client.post(f"{url}/redirect", b"{}", {}).status == 307


def test_a_connection_that_ends_before_the_answer_is_ambiguous(client: HttpClient, url: str) -> None:
    with pytest.raises(RetryableError) as raised:
        client.post(f"{url}/hang-up", b"{}", {}, query="?key=hunter2")
    assert raised.value.ambiguous
    assert str(raised.value) == f"{url}/hang-up: RemoteProtocolError"


def test_a_refused_connection_is_not_ambiguous(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(RetryableError, match="refused") as raised:
        client.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert not raised.value.ambiguous


def test_a_time_out_after_sending_is_ambiguous() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        impatient = HttpClient(0.05, TlsOptions())
        with pytest.raises(RetryableError) as raised:
            impatient.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"{}", {})
        impatient.close()
    assert raised.value.ambiguous


def test_certificates_that_cannot_be_read_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="certificates cannot be read"):
        HttpClient(5, TlsOptions(ca_file="missing.pem"))


def test_a_proxy_gets_the_requests_and_is_shown_nowhere_if_it_is_none(url: str) -> None:
    proxied = HttpClient(5, TlsOptions(), proxy=url)
    assert proxied.post("http://elsewhere.invalid/in", b"{}", {}).status == 429
    proxied.close()
    with pytest.raises(ConfigurationError, match="proxy settings cannot be used") as raised:
        HttpClient(5, TlsOptions(), proxy="nonsense://me:hunter2@proxy")
    assert "hunter2" not in str(raised.value)


def test_a_proxy_of_the_environment_that_is_none_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://me:hunter2@proxy")
    with pytest.raises(ConfigurationError, match="proxy settings cannot be used") as raised:
        HttpClient(5, TlsOptions())
    assert "hunter2" not in str(raised.value)


def test_a_closed_client_sends_nothing(url: str) -> None:
    for used_before in (False, True):
        client = HttpClient(5, TlsOptions())
        if used_before:
            client.post(url, b"{}", {})
        client.close()
        with pytest.raises(RetryableError, match="nothing was sent") as raised:
            client.post(url, b"{}", {})
        assert not raised.value.ambiguous


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("3600", 60.0), ("", None), ("soon", None), ("0", 0.0)])
def test_retry_after_is_seconds_and_at_most_a_minute(header: str, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


def test_retry_after_may_be_a_date() -> None:
    assert parse_retry_after(formatdate(NOW / 1e9 + 20, usegmt=True), NOW) == 20.0
    assert parse_retry_after(formatdate(NOW / 1e9 - 20, usegmt=True), NOW) == 0.0


def test_p6_failures_are_raised_as_one_error_for_all_or_each_its_own() -> None:
    batch = make_batch(2, id="e")
    raise_failures(batch, {})
    error = ConfigurationError("no")
    with pytest.raises(ConfigurationError):
        raise_failures(batch, {"e-0": error, "e-1": error})
    with pytest.raises(PartialExportError) as raised:
        raise_failures(batch, {"e-1": error})
    assert raised.value.failed == {"e-1": error}


def test_p6_what_was_too_large_together_with_others_is_not_yet_a_dead_letter() -> None:
    batch = make_batch(3, id="e")
    together = BatchTooLargeError("413")
    with pytest.raises(PartialExportError) as raised:
        raise_failures(batch, {"e-0": together, "e-1": together})
    assert {type(error) for error in raised.value.failed.values()} == {RetryableError}
    with pytest.raises(PartialExportError) as raised:
        raise_failures(batch, {"e-0": together})
    assert {type(error) for error in raised.value.failed.values()} == {BatchTooLargeError}


def test_p6_when_nothing_was_delivered_the_whole_batch_is_halved() -> None:
    together = BatchTooLargeError("413")
    with pytest.raises(BatchTooLargeError):
        raise_failures(make_batch(3, id="e"), {"e-0": together, "e-1": together, "e-2": ConfigurationError("held")})


@pytest.mark.parametrize(
    ("status", "error", "ambiguous"),
    [
        *((status, None, False) for status in (200, 201, 202, 204)),
        *((status, ConfigurationError, False) for status in (301, 307, 401, 403, 404, 405, 407)),
        (413, BatchTooLargeError, False),
        *((status, RetryableError, False) for status in (429, 503)),
        *((status, RetryableError, True) for status in (408, 500, 502, 504, 599)),
        *((status, PermanentError, False) for status in (400, 409, 415, 422)),
    ],
)
def test_p6_a_status_says_what_to_do(status: int, error: type[Exception] | None, ambiguous: bool) -> None:
    answer = HttpAnswer(status, b"secret", 3.0, "https://example.org/in")
    if error is None:
        answer.raise_for_status()
        return
    with pytest.raises(error) as raised:
        answer.raise_for_status()
    assert str(raised.value) == f"https://example.org/in: HTTP {status}"
    if isinstance(raised.value, RetryableError):
        assert (raised.value.ambiguous, raised.value.retry_after) == (ambiguous, 3.0)
