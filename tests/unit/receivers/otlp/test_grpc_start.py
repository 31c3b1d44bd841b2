"""Addresses of OTLP/gRPC, its contract, and what is loaded when."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from beacon_core import ConfigurationError, Host, Receiver
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
from beacon_core.receivers.otlp.http_server import new_event_loop
from beacon_core.testing import ReceiverContract
from tests.unit.receivers.otlp.grpc_calls import LOGS, call
from tests.unit.receivers.otlp.test_config import has_ipv6
from tests.unit.receivers.otlp.test_grpc import request


def receiver_of(**protocols: Any) -> OtlpReceiver:
    return OtlpReceiver(OtlpConfig.model_validate({"protocols": protocols}))


class TestOtlpOverGrpc(ReceiverContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        return receiver_of(grpc={"endpoint": "127.0.0.1:0"})

    @pytest.fixture
    def send(self) -> Callable[[Receiver], bool]:
        def send(receiver: Receiver) -> bool:
            target = receiver.endpoints["grpc"].removeprefix("http://")
            return call(target, LOGS, request("hello")).code == grpc.StatusCode.OK

        return send


class TestOtlpOverBoth(TestOtlpOverGrpc):
    @pytest.fixture
    def receiver(self) -> Receiver:
        new_event_loop().close()  # the first one of a process opens a pipe for signals, which libuv keeps
        return receiver_of(grpc={"endpoint": "127.0.0.1:0"}, http={"endpoint": "127.0.0.1:0"})


def test_both_protocols_in_one_receiver_have_an_endpoint_each(serve_protocols: Any) -> None:
    served = serve_protocols({"http": {"endpoint": "127.0.0.1:0"}, "grpc": {"endpoint": "localhost:0"}})
    assert list(served.receiver.endpoints) == ["http", "grpc"]
    assert served.receiver.endpoints["grpc"].startswith("http://127.0.0.1:")
    assert served.post("/v1/logs").status == 200
    port = served.target.rpartition(":")[2]
    for address in ["127.0.0.1", "[::1]"] if has_ipv6() else ["127.0.0.1"]:
        assert call(f"{address}:{port}", LOGS, b"").code == grpc.StatusCode.OK


def test_a_taken_port_is_an_error_that_names_it_and_frees_the_other_one() -> None:
    first = receiver_of(grpc={"endpoint": "127.0.0.1:0"})
    first.start(Host("otlp"))
    port = int(first.endpoints["grpc"].rpartition(":")[2])
    second = receiver_of(http={"endpoint": "127.0.0.1:0"}, grpc={"endpoint": f"127.0.0.1:{port}"})
    with pytest.raises(ConfigurationError, match=f"port {port} on 127.0.0.1 is taken .* set protocols.grpc.endpoint"):
        second.start(Host("otlp"))
    http = int(second.endpoints["http"].rpartition(":")[2])
    second.shutdown(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", http), timeout=20)
    first.shutdown(1)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_listening_beyond_loopback_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    receiver = receiver_of(grpc={"endpoint": "0.0.0.0:0"})
    receiver.start(Host("otlp"))
    assert receiver.endpoints["grpc"].startswith("http://127.0.0.1:")
    receiver.shutdown(1)
    assert "listens on 0.0.0.0:0 without authentication" in caplog.text


#: Runs with a program in which grpcio is not installed: no finder finds it.
WITHOUT_GRPC = """
import sys
class Hiding:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, *rest): return None if name == "grpc" else self.finder.find_spec(name, *rest)
    def __getattr__(self, name): return getattr(self.finder, name)
sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
from beacon_core.cli import main
main(sys.argv[1:])
"""
PIPELINE = """
receivers:
  otlp: {protocols: {PROTOCOL: {endpoint: "127.0.0.1:0"}}}
processors:
  sanitize: {}
exporters:
  file: {path: out.jsonl}
service:
  pipelines:
    default: {receivers: [otlp], processors: [sanitize], exporters: [file]}
"""


@pytest.mark.parametrize("command", ["validate", "run"])
def test_p10_without_the_extra_a_pipeline_with_grpc_is_a_configuration_error(tmp_path: Any, command: str) -> None:
    (tmp_path / "p.yaml").write_text(PIPELINE.replace("PROTOCOL", "grpc"))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GRPC, command, "-p", "p.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 78
    assert "p.yaml:3:3 receivers.otlp protocols.grpc needs grpcio" in done.stderr
    assert "pip install 'beacon-core[grpc]'" in done.stderr


def test_without_the_extra_a_pipeline_with_http_is_valid(tmp_path: Any) -> None:
    (tmp_path / "p.yaml").write_text(PIPELINE.replace("PROTOCOL", "http"))
    command = [sys.executable, "-c", WITHOUT_GRPC, "validate", "-p", "p.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("protocol", "loaded"), [("http", []), ("grpc", ["grpc"])])
def test_grpcio_is_loaded_only_where_it_is_configured(protocol: str, loaded: list[str]) -> None:
    code = f"""
import sys
from beacon_core import Host
from beacon_core.receivers.otlp import OtlpConfig, OtlpReceiver
receiver = OtlpReceiver(OtlpConfig.model_validate({{"protocols": {{"{protocol}": {{"endpoint": "127.0.0.1:0"}}}}}}))
receiver.validate()
assert "grpc" not in sys.modules
receiver.start(Host("otlp"))
print([name for name in ("grpc",) if name in sys.modules])
receiver.shutdown(1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == str(loaded)
