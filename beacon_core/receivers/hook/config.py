"""The options of the `hook` receiver."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field

from beacon_core.config import ComponentConfig, Duration, Size
from beacon_core.sockets import checked_endpoint, split_endpoint


def _local(endpoint: str) -> str:
    host, _ = split_endpoint(endpoint)
    with suppress(ValueError):  # a name
        if ip_address(host).is_loopback:
            return endpoint
    if host.lower() != "localhost":
        raise ValueError("hooks run on this machine: an address such as 127.0.0.1, [::1] or localhost")
    return endpoint


class HookConfig(ComponentConfig):
    """Options of `hook`."""

    endpoint: Annotated[str, AfterValidator(checked_endpoint), AfterValidator(_local)] = "127.0.0.1:4316"
    """Where to listen, `host:port` on this machine. Port 0 picks a free one."""

    max_request_body_size: Size = Field(default=ByteSize(16 * 1024 * 1024), ge=1)
    """Bytes of a message at most; more is answered with 413."""

    read_timeout: Duration = Field(default=10.0, gt=0)
    """How long to wait for the next piece of a request."""
