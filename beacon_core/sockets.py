"""Listening sockets: what an endpoint says, binding it, and errors that say what to do."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from typing import Any

from beacon_core.errors import ConfigurationError

BACKLOG = 1024

#: How often to look for a port that is free in both address families.
_ATTEMPTS = 20

_NO_SUCH_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


_ENDPOINT = re.compile(r"(?:\[([0-9a-fA-F:.%]+)\]|([^\s\[\]:/@]*)):(\d{1,5})")
_MAX_PORT = 65535


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host (empty: all addresses) and port of `host:port` or `[ipv6]:port`.

    Raises:
        ValueError: if it is neither.
    """
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or int(match[3]) > _MAX_PORT:
        raise ValueError('an endpoint is host:port without a scheme, such as "127.0.0.1:4318" or "[::1]:4318"')
    return match[1] or match[2] or "", int(match[3])


def checked_endpoint(endpoint: str) -> str:
    """Return an endpoint as it is, for options.

    Raises:
        ValueError: if it is none.
    """
    split_endpoint(endpoint)
    return endpoint


def listen(host: str, port: int, option: str) -> list[socket.socket]:
    """Return listening sockets; `localhost` listens on 127.0.0.1 and, where there is IPv6, on ::1, on one port.

    Args:
        host: an address or a name; empty for all addresses.
        port: 0 picks a free one.
        option: that says where to listen, for errors.

    Raises:
        ConfigurationError: with what to do about it.
    """
    if host.lower() != "localhost":
        return [_listen(host, port, option)]
    for _ in range(_ATTEMPTS if port == 0 else 1):
        first = _listen("127.0.0.1", port, option)
        try:
            second = _open("::1", first.getsockname()[1])
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY or not socket.has_ipv6:
                return [first]
            first.close()
            problem = error
        else:
            return [first, second]
    raise _explain(problem, "::1", port, option) from None


def reserve(host: str, port: int, option: str) -> list[socket.socket]:
    """Return sockets that hold an address for several processes, each of which then calls `listen_beside`.

    They take no connections themselves: the kernel gives those to the ones that listen.

    Raises:
        ConfigurationError: as `listen`; also where the address is in use by others who would share it.
    """
    first = listen(host, port, option)
    addresses = [(sock.family, sock.getsockname()) for sock in first]
    for sock in first:
        sock.close()
    return [_bound_to_share(*address) for address in addresses]


def listen_beside(reserved: socket.socket) -> socket.socket:
    """Return a listening socket on the address of a reserved one; the kernel spreads connections over all of them."""
    sock = _bound_to_share(reserved.family, reserved.getsockname())
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _bound_to_share(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6 and address[0] != "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    return sock


def url(host: str, sock: socket.socket) -> str:
    """Return the URL for clients on this machine: an address rather than a name that may mean another one."""
    address, port = sock.getsockname()[:2]
    if is_loopback(sock) or (host and address not in ("0.0.0.0", "::")):  # noqa: S104 - compared, not bound
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    return f"http://[::1]:{port}" if address == "::" else f"http://127.0.0.1:{port}"


def is_loopback(sock: socket.socket) -> bool:
    """Return whether only programs on this machine can connect."""
    return ipaddress.ip_address(sock.getsockname()[0].partition("%")[0]).is_loopback


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        return _open(host, port)
    except OSError as error:
        raise _explain(error, host, port, option) from None


def _open(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or "0.0.0.0",  # noqa: S104 - an empty host asks for it, and the receiver warns
        port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE,
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows the option lets two programs listen on one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address[0] != "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _explain(error: OSError, host: str, port: int, option: str) -> ConfigurationError:
    where = f"port {port} on {host or 'all addresses'}"
    match error.errno:
        case errno.EADDRINUSE:
            return ConfigurationError(
                f"{where} is taken by another program; stop it, or set {option} to another port "
                "(port 0 picks a free one)"
            )
        case errno.EACCES:
            return ConfigurationError(f"{where} may not be used by this user; set a port above 1023")
        case errno.EADDRNOTAVAIL:
            return ConfigurationError(f"cannot listen on {where}: this machine does not have the address")
    if isinstance(error, socket.gaierror):
        return ConfigurationError(f"cannot listen on {host}: the name has no address")
    return ConfigurationError(f"cannot listen on {where}: {error.strerror or type(error).__name__}")
