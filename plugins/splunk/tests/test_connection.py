"""How requests reach Splunk: proxies, a private authority, a client certificate, headers of a gateway."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_core import RetryableError, encode_lines
from beacon_core.testing import FaultyServer, Request, Step, make_batch
from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HecServer, reply
from tests.pipeline_run import run_file

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
TLS = Path(__file__).parent / "tls"
CA = {"ca_file": str(TLS / "ca.pem"), "server_name_override": "server.test"}
CLIENT = {"cert_file": str(TLS / "client.pem")}


def config(**options: Any) -> SplunkHecConfig:
    return SplunkHecConfig.model_validate({"endpoint": "https://s:8088", "token": TOKEN} | options)


class TlsEntrance:
    """Takes TLS connections and hands what comes in to a server behind it."""

    def __init__(self, target: str, *, wants_certificate: bool) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(TLS / "ca.pem"))
        self._context.load_cert_chain(TLS / "server.pem")
        self._context.verify_mode = ssl.CERT_REQUIRED if wants_certificate else ssl.CERT_NONE
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                inside = self._context.wrap_socket(plain, server_side=True)
            except OSError:
                plain.close()
                continue
            outside = socket.create_connection(self._target)
            self._open += [inside, outside]
            for pair in ((inside, outside), (outside, inside)):
                self._threads.append(threading.Thread(target=copy, args=pair))
                self._threads[-1].start()


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def entrance(hec: HecServer) -> Iterator[Callable[..., str]]:
    entrances = []

    def make(*, wants_certificate: bool = False) -> str:
        entrances.append(TlsEntrance(hec.url, wants_certificate=wants_certificate))
        return entrances[-1].url

    yield make
    for each in entrances:
        each.close()


def test_a_private_authority_is_trusted_if_it_is_named(hec: HecServer, start: Start, entrance: Any) -> None:
    exporter = start(endpoint=entrance(), tls=CA)
    exporter.export(make_batch())
    assert hec.ids == ["test-0"]
    exporter.shutdown(1)


def test_nothing_is_sent_to_a_certificate_that_nobody_trusts(hec: HecServer, start: Start, entrance: Any) -> None:
    with pytest.raises(RetryableError, match="certificate verify failed") as raised:
        start(endpoint=entrance()).export(make_batch())
    assert not raised.value.ambiguous
    assert hec.requests == []


def test_nor_to_one_of_another_name(hec: HecServer, start: Start, entrance: Any) -> None:
    url = entrance()
    for name in (None, "other.test"):
        with pytest.raises(RetryableError, match="certificate verify failed"):
            start(endpoint=url, tls=CA | {"server_name_override": name}).export(make_batch())
    assert hec.requests == []


def test_verification_can_be_switched_off(hec: HecServer, start: Start, entrance: Any) -> None:
    exporter = start(endpoint=entrance(), tls={"insecure_skip_verify": True})
    exporter.export(make_batch())
    assert hec.ids == ["test-0"]
    exporter.shutdown(1)


def test_a_client_certificate_is_shown_to_who_asks_for_it(hec: HecServer, start: Start, entrance: Any) -> None:
    url = entrance(wants_certificate=True)
    with pytest.raises(RetryableError):
        start(endpoint=url, tls=CA).export(make_batch())
    assert hec.requests == []
    exporter = start(endpoint=url, tls=CA | CLIENT)
    exporter.export(make_batch())
    assert hec.ids == ["test-0"]
    exporter.shutdown(1)


# ---- proxies ----


@pytest.fixture
def proxy() -> Iterator[FaultyServer]:
    with FaultyServer(accept) as server:
        yield server


def accept(_request: Request) -> Step:
    return reply(0)


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_proxy_gets_the_request_with_the_whole_address(
    proxy: FaultyServer, start: Start, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    if by == "environment":
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
    start(endpoint="http://splunk.invalid:8088", **({"proxy_url": proxy.url} if by == "option" else {})).export(
        make_batch()
    )
    assert proxy.requests[0].path == "http://splunk.invalid:8088/services/collector/event"


def test_no_proxy_is_honoured(
    proxy: FaultyServer, hec: HecServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    start().export(make_batch())
    assert proxy.requests == []
    assert hec.ids == ["test-0"]


@pytest.mark.parametrize("url", ["proxy:3128", "socks5://proxy", "http://", "http://me:hunter2@proxy", "http://p/x"])
def test_p7_p10_a_proxy_that_is_none_or_has_a_password_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        config(proxy_url=url)
    assert "hunter2" not in str(raised.value)


# ---- headers ----


def test_headers_for_a_gateway_are_added_to_every_request(hec: HecServer, start: Start) -> None:
    hec.acks = True
    start(headers={"X-Tenant": "blue"}, acknowledgements={"query_interval": "1ms"}).export(make_batch())
    assert [request.headers["x-tenant"] for request in hec.requests] == ["blue", "blue"]


def test_p7_the_value_of_a_header_is_a_secret(hec: HecServer, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    exporter = start(headers={"X-Key": "hunter2-hunter2"})
    hec.whims = [Step(status=401, body=b'{"code":4,"text":"hunter2-hunter2 is wrong"}')]
    with pytest.raises(Exception, match="is wrong") as raised:
        exporter.export(make_batch())
    shown = f"{exporter.config!r} {exporter.config.model_dump_json()} {raised.value!r} {caplog.text}"
    assert "hunter2" not in shown


def test_a_short_header_does_not_spoil_answers(hec: HecServer, start: Start) -> None:
    start(headers={"X-Zero": "0"}).export(make_batch())
    assert hec.ids == ["test-0"]


@pytest.mark.parametrize("name", ["Authorization", "content-type", "X-Splunk-Request-Channel", "Host", "a b", ""])
def test_p10_a_header_that_is_beacons_own_or_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        config(headers={name: "x"})


@pytest.mark.parametrize("value", ["a\nb", "ü"])
def test_p7_p10_a_value_that_cannot_stand_in_a_header_is_refused_unseen(value: str) -> None:
    with pytest.raises(ValidationError) as raised:
        config(headers={"X-Key": value})
    assert value not in str(raised.value)


def test_p7_telemetry_that_repeats_a_header_is_redacted(
    hec: HecServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_LINE", "hunter2-hunter2")
    (tmp_path / "input.jsonl").write_bytes(encode_lines(make_batch(body="sent with hunter2-hunter2 on top")))
    exporter = {"endpoint": hec.url, "token": "${env:TEST_HEC_TOKEN}", "headers": {"X-Key": "${env:GATEWAY_LINE}"}}
    pipeline = {
        "receivers": {"file_input": {"include": [str(tmp_path / "input.jsonl")]}},
        "processors": {"sanitize": None},
        "exporters": {"splunk_hec": exporter},
        "service": {
            "queue": {"type": "memory"},
            "pipelines": {"p": {"receivers": ["file_input"], "processors": ["sanitize"], "exporters": ["splunk_hec"]}},
        },
    }
    (tmp_path / "pipeline.yaml").write_text(json.dumps(pipeline))
    run_file(tmp_path, TEST_HEC_TOKEN=TOKEN)
    assert [value["event"] for value in hec.stored] == ["sent with [REDACTED:known-value] on top"]
