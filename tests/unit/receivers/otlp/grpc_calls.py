"""Raw calls to an OTLP/gRPC server: bytes out, status back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

SERVICE = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
LOGS = SERVICE.format("logs", "Logs")
METRICS = SERVICE.format("metrics", "Metrics")
TRACES = SERVICE.format("trace", "Trace")
PATHS = {LOGS: "/v1/logs", METRICS: "/v1/metrics", TRACES: "/v1/traces"}
PATIENCE = 30.0


@dataclass(frozen=True)
class Status:
    """What a call ended with.

    Attributes:
        code: of gRPC.
        message: for people.
        body: the answer, empty with an error.
        details: the google.rpc.Status beside an error, None if there is none.
    """

    code: Any
    message: str = ""
    body: bytes = b""
    details: Any = None

    @property
    def retry_delay(self) -> int | None:
        """Seconds after which the server wants to see the call again."""
        for detail in self.details.details if self.details is not None else ():
            info = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                return int(info.retry_delay.seconds)
        return None


def open_channel(target: str) -> Any:
    return grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])


def send(channel: Any, method: str, message: bytes, *, compression: Any = None) -> Status:
    call = channel.unary_unary(method)
    try:
        return Status(grpc.StatusCode.OK, body=call(message, timeout=PATIENCE, compression=compression))
    except grpc.RpcError as error:
        return status_of(error)


def call(target: str, method: str, message: bytes, *, compression: Any = None) -> Status:
    with open_channel(target) as channel:
        return send(channel, method, message, compression=compression)


def status_of(error: Any) -> Status:
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    details = None if raw is None else status_pb2.Status.FromString(raw)
    return Status(error.code(), error.details(), details=details)
