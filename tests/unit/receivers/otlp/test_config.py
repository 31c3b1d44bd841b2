"""Options and sockets of the `otlp` receiver."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver


def receiver_at(endpoint: str) -> OtlpReceiver:
    return OtlpReceiver(OtlpConfig.model_validate({"protocols": {"http": {"endpoint": endpoint}}}))


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    "options", [{}, {"protocols": None}, {"protocols": {}}, {"protocols": {"http": None}}, {"protocols": {"http": {}}}]
)
def test_http_on_loopback_is_the_default_however_little_is_said(options: dict[str, object]) -> None:
    http = OtlpConfig.model_validate(options).protocols.http
    assert http.endpoint == "127.0.0.1:4318"
    assert http.max_request_body_size == 64 * 1024 * 1024
    assert (http.read_timeout, http.read_header_timeout, http.idle_timeout) == (30, 10, 300)
    assert http.url_path_prefix == ""


@pytest.mark.parametrize("given", [None, {}, {"endpoint": "127.0.0.1:4317"}])
def test_only_the_protocols_that_are_named_are_offered(given: object) -> None:
    protocols = OtlpConfig.model_validate({"protocols": {"grpc": given}}).protocols
    assert protocols.grpc is not None
    assert (protocols.grpc.endpoint, protocols.grpc.max_recv_msg_size_mib) == ("127.0.0.1:4317", 64)
    assert protocols.http is None
    both = OtlpConfig.model_validate({"protocols": {"grpc": given, "http": None}}).protocols
    assert both.http is not None
    assert both.grpc == protocols.grpc


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4318", "127.0.0.1", "4318", "a b:1", "h:65536", "::1:4318", "h:-1", "u@h:1", ""]
)
def test_an_endpoint_is_host_and_port(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="host:port without a scheme"):
        receiver_at(endpoint)


def test_units_are_understood_and_nonsense_is_not() -> None:
    options = {"max_request_body_size": "2MiB", "read_timeout": "500ms", "idle_timeout": "1m30s"}
    http = OtlpConfig.model_validate({"protocols": {"http": options}}).protocols.http
    assert (http.max_request_body_size, http.read_timeout, http.idle_timeout) == (2 * 1024 * 1024, 0.5, 90)
    for bad in ({"read_timeout": 0}, {"max_request_body_size": 0}, {"enpoint": "x:1"}):
        with pytest.raises(ValidationError):
            OtlpConfig.model_validate({"protocols": {"http": bad}})


def test_the_endpoint_is_known_once_started_and_port_0_picks_a_free_port() -> None:
    receiver = receiver_at("127.0.0.1:0")
    assert receiver.endpoints == {}
    receiver.start(Host("otlp"))
    host, port = receiver.endpoints["http"].removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), timeout=20):
        pass
    receiver.shutdown(1)


def test_a_taken_port_is_an_error_that_names_it_and_says_what_to_do(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    for endpoint in (f"127.0.0.1:{port}", f"localhost:{port}"):
        receiver = receiver_at(endpoint)
        with pytest.raises(
            ConfigurationError, match=rf"port {port} on 127.0.0.1 is taken .* another port \(port 0 picks"
        ):
            receiver.start(Host("otlp"))
        assert receiver.endpoints == {}
        receiver.shutdown(1)


@pytest.mark.parametrize(
    ("endpoint", "text"), [("203.0.113.7:0", "does not have the address"), ("no.such.name.invalid:0", "cannot listen")]
)
def test_an_address_that_is_not_ours_is_an_error(endpoint: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        receiver_at(endpoint).start(Host("otlp"))


def test_a_port_can_be_used_again_at_once() -> None:
    first = receiver_at("127.0.0.1:0")
    first.start(Host("otlp"))
    endpoint = first.endpoints["http"]
    with socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2])), timeout=20):
        first.shutdown(1)
    second = receiver_at(endpoint.removeprefix("http://"))
    second.start(Host("otlp"))
    assert second.endpoints["http"] == endpoint
    second.shutdown(1)


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_localhost_listens_on_both_families_and_hands_out_the_address() -> None:
    receiver = receiver_at("localhost:0")
    receiver.start(Host("otlp"))
    assert receiver.endpoints["http"].startswith("http://127.0.0.1:")
    port = int(receiver.endpoints["http"].rpartition(":")[2])
    for address in ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]:
        with socket.create_connection((address, port), timeout=20):
            pass
    receiver.shutdown(1)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6_addresses_are_written_in_brackets() -> None:
    receiver = receiver_at("[::1]:0")
    receiver.start(Host("otlp"))
    assert receiver.endpoints["http"].startswith("http://[::1]:")
    receiver.shutdown(1)


@pytest.mark.parametrize("endpoint", ["0.0.0.0:0", ":0"])
def test_listening_beyond_loopback_is_warned_of_and_children_get_the_loopback_address(
    endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receiver_at(endpoint)
    receiver.start(Host("otlp"))
    assert receiver.endpoints["http"].startswith("http://127.0.0.1:")
    receiver.shutdown(1)
    assert "without authentication" in caplog.text


def test_loopback_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    receiver = receiver_at("127.0.0.1:0")
    receiver.start(Host("otlp"))
    receiver.shutdown(1)
    assert caplog.text == ""


def test_a_configuration_check_loads_neither_the_server_nor_protobuf() -> None:
    code = """
import sys
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
OtlpReceiver(OtlpConfig())
heavy = "asyncio uvloop httptools google.protobuf opentelemetry".split()
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_it_serves_without_uvloop_which_is_not_everywhere() -> None:
    code = """
import sys, threading, urllib.request
sys.modules["uvloop"] = None
from beacon_core.component import Host
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
from beacon_core.testing import ListConsumer
receiver = OtlpReceiver(OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}))
receiver.start(Host("otlp"))
thread = threading.Thread(target=receiver.run, args=(ListConsumer(),))
thread.start()
url, headers = receiver.endpoints["http"] + "/v1/logs", {"Content-Type": "application/json"}
print(urllib.request.urlopen(urllib.request.Request(url, b"{}", headers), timeout=20).read())
receiver.shutdown(5)
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("b'{}'", "")
