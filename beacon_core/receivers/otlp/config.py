"""The options of the `otlp` receiver, named as in the OpenTelemetry Collector."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, model_validator

from beacon_core.config import ComponentConfig, Duration, Size
from beacon_core.sockets import checked_endpoint


def _prefix(prefix: str) -> str:
    trimmed = prefix.strip("/")
    return f"/{trimmed}" if trimmed else ""


def _none_is_default(value: object) -> object:
    return {} if value is None else value


class HttpOptions(ComponentConfig):
    """OTLP over HTTP, in protobuf or JSON, plain or gzip."""

    endpoint: Annotated[str, AfterValidator(checked_endpoint)] = "127.0.0.1:4318"
    """Where to listen, `host:port`. Port 0 picks a free one; `localhost` listens on IPv4 and IPv6. There is no
    authentication: on any other address than the machine's own everybody who reaches it can send."""

    max_request_body_size: Size = Field(default=ByteSize(64 * 1024 * 1024), ge=1)
    """Bytes of a request's body at most, also after decompression; more is answered with 413."""

    read_timeout: Duration = Field(default=30.0, gt=0)
    """How long the body of a request may take to arrive."""

    read_header_timeout: Duration = Field(default=10.0, gt=0)
    """How long the head of a request may take to arrive."""

    idle_timeout: Duration = Field(default=300.0, gt=0)
    """How long an unused connection is kept. Keep it longer than the clients' export interval: some lose a request that
    they send at the moment of closing."""

    url_path_prefix: Annotated[str, AfterValidator(_prefix)] = ""
    """Path in front of `/v1/logs`, `/v1/metrics` and `/v1/traces`, such as `/otlp`."""


class GrpcOptions(ComponentConfig):
    """OTLP over gRPC, plain or gzip; needs `pip install 'beacon-core[grpc]'`."""

    endpoint: Annotated[str, AfterValidator(checked_endpoint)] = "127.0.0.1:4317"
    """Where to listen, as for `http`."""

    max_recv_msg_size_mib: int = Field(default=64, ge=1, le=2047)
    """MiB of a message at most, also after decompression; more is answered with RESOURCE_EXHAUSTED."""

    read_timeout: Duration = Field(default=30.0, gt=0)
    """How long the message of a call may take to arrive."""


class Protocols(ComponentConfig):
    """The protocols to listen for: those that are named, HTTP if none is."""

    http: Annotated[HttpOptions | None, BeforeValidator(_none_is_default)] = Field(default=None, validate_default=False)
    """OTLP over HTTP."""

    grpc: Annotated[GrpcOptions | None, BeforeValidator(_none_is_default)] = Field(default=None, validate_default=False)
    """OTLP over gRPC."""

    @model_validator(mode="before")
    @classmethod
    def _http_if_none_is_named(cls, value: object) -> object:
        return {"http": {}} if value == {} else value


class OtlpConfig(ComponentConfig):
    """Options of the `otlp` receiver."""

    protocols: Annotated[Protocols, BeforeValidator(_none_is_default)] = Protocols()
    """The protocols to listen for: those that are named; HTTP on 127.0.0.1:4318 if none is."""
