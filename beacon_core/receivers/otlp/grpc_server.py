"""Serves OTLP/gRPC: one unary call for each signal, until it is told to stop. Needs the extra `grpc`.

Imported when gRPC is configured and the receiver starts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Never, TypeAlias

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.otlp import encode_status, encode_success
from beacon_core.receiver import Consumer
from beacon_core.receivers.otlp.config import GrpcOptions
from beacon_core.receivers.otlp.refusal import RETRY_DELAY, STATUS, UNAVAILABLE, Refusal, Refusals
from beacon_core.receivers.otlp.storing import Head, Storing


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep gRPC's C++ part from writing to stderr what clients do wrong; it looks at the variable when it is loaded."""
    missing = "GRPC_VERBOSITY" not in os.environ
    if missing:
        os.environ["GRPC_VERBOSITY"] = "NONE"
    try:
        yield
    finally:
        if missing:
            del os.environ["GRPC_VERBOSITY"]  # children are not to inherit it


with _quiet():
    import grpc
    import grpc.aio

if TYPE_CHECKING:
    Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]
    Answer: TypeAlias = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]
    Method: TypeAlias = grpc.RpcMethodHandler[bytes, bytes]

#: The methods (opentelemetry-proto, collector/*/v1/*_service.proto) and what the same message is sent to over HTTP.
METHODS: Final = {
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "/v1/logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "/v1/metrics",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "/v1/traces",
}

_MIB: Final = 1024 * 1024
_IDENTITY_AND_GZIP: Final = 0b101  # grpc/impl/compression_types.h: 0 is identity, 1 deflate, 2 gzip
_GZIP_MAGIC: Final = b"\x1f\x8b"  # as a protobuf tag that is wire type 7, which does not exist: no message begins so

#: When stopping: how long to go on accepting while calls come in, and how long none must come.
BACKLOG_GRACE: Final = 1.0
QUIET: Final = 0.02

#: When the time-out is over: how long the last answers get to leave.
ANSWER_GRACE: Final = 0.5

_POLL: Final = 0.002  # seconds between looks at what is being stored, when stopping

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class GrpcPort:
    """Listens from the moment it is made until `close`, or until the server that took it over has ended.

    Args:
        options: limits.
        addresses: host and port of each address to listen on.
        shared: other processes listen there, too, each for a share of the connections.

    Raises:
        ConfigurationError: an address cannot be bound.
    """

    def __init__(self, options: GrpcOptions, addresses: Sequence[tuple[str, int]], *, shared: bool = False) -> None:
        self.loop = asyncio.new_event_loop()
        try:
            self.server = self.loop.run_until_complete(self._bind(options, addresses, shared=shared))
        except ConfigurationError:
            self.loop.close()
            raise

    async def _bind(
        self, options: GrpcOptions, addresses: Sequence[tuple[str, int]], *, shared: bool
    ) -> grpc.aio.Server:
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", options.max_recv_msg_size_mib * _MIB),
                ("grpc.per_message_decompression", 0),  # gRPC would inflate whatever comes before it looks at the size
                ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
                ("grpc.so_reuseport", int(shared)),  # else a second program could listen on the same port, unnoticed
            ]
        )
        for host, port in addresses:
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            try:
                server.add_insecure_port(address)
            except RuntimeError:
                raise ConfigurationError(f"gRPC cannot listen on {address}; set protocols.grpc.endpoint") from None
        return server

    def close(self) -> None:
        """Stop listening if no server has done so."""
        if not self.loop.is_closed() and not self.loop.is_running():
            self.loop.run_until_complete(self._start_and_stop())
            self.loop.close()

    async def _start_and_stop(self) -> None:
        await self.server.start()  # one that was never started keeps its sockets
        await self.server.stop(None)


class GrpcServer:
    """Serves OTLP/gRPC at a port. `run` belongs to one thread, `stop` to any."""

    def __init__(self, options: GrpcOptions, port: GrpcPort, host: Host, consumer: Consumer) -> None:
        self._port = port
        refusals = Refusals(host)
        self._storing = Storing(port.loop, host, consumer, options.max_recv_msg_size_mib * _MIB, refusals)
        self._calls = _Calls(options, host, self._storing, refusals)
        self._stopping: asyncio.Future[float] = port.loop.create_future()
        port.server.add_generic_rpc_handlers([self._calls])

    def run(self) -> None:
        """Serve until `stop`; what was read completely by then is stored when this returns."""
        try:
            self._port.loop.run_until_complete(self._serve())
        finally:
            self._port.loop.close()
            self._storing.close()

    def stop(self, timeout: float) -> None:
        """Stop accepting, finish what is running within `timeout` seconds, end `run`."""
        with suppress(RuntimeError):  # the loop is closed: it has stopped already
            self._port.loop.call_soon_threadsafe(self._set_stopping, timeout)

    def _set_stopping(self, timeout: float) -> None:
        if not self._stopping.done():
            self._stopping.set_result(timeout)

    async def _serve(self) -> None:
        self._storing.warm_up()
        await self._port.server.start()
        timeout = await self._stopping
        now = asyncio.get_running_loop().time
        deadline = now() + timeout
        await self._take_what_is_there(now() + min(timeout, BACKLOG_GRACE))
        stopped = asyncio.ensure_future(self._port.server.stop(timeout + ANSWER_GRACE))
        await asyncio.wait([stopped], timeout=max(0.0, deadline - now()))
        while self._storing.busy and now() < deadline:  # noqa: ASYNC110 - also for callers that have gone
            await asyncio.sleep(_POLL)
        self._storing.give_up()
        await stopped

    async def _take_what_is_there(self, deadline: float) -> None:
        """Take what clients have sent before the stop, and wait for nothing more."""
        before = -1
        while before != self._calls.count and asyncio.get_running_loop().time() < deadline:
            before = self._calls.count
            await asyncio.sleep(QUIET)


class _Calls(grpc.GenericRpcHandler):
    """Answers calls. It must not know the server: gRPC's thread ends when nothing refers to the server any more.

    Attributes:
        count: how many there were.
    """

    def __init__(self, options: GrpcOptions, host: Host, storing: Storing, refusals: Refusals) -> None:
        self._options = options
        self._host = host
        self._storing = storing
        self._refusals = refusals
        self._handlers = {method: self._handler(path) for method, path in METHODS.items()}
        self.count = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Method | None:
        """Return what answers a call; None for another method, which gRPC answers with UNIMPLEMENTED."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is None:
            self._host.count("requests")
            self._refusals.count("path", f"unknown method; OTLP/gRPC is {', '.join(METHODS)}")
        return handler

    def _handler(self, path: str) -> Method:
        async def export(messages: AsyncIterator[bytes], context: Context) -> bytes:
            return await self._answer(path, messages, context)

        return grpc.stream_unary_rpc_method_handler(export)

    async def _answer(self, path: str, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Store the message of a call and return the answer, or end the call with a status.

        A call is taken as a stream of one message: only so can its message be given a deadline.
        """
        self.count += 1
        self._host.count("requests")
        try:
            message = await self._read(messages)
            head = Head(path, "protobuf", gzip=message.startswith(_GZIP_MAGIC))
            return encode_success(path, "protobuf", await self._storing.store(head, message))
        except Refusal as refusal:
            self._refusals.count(refusal.reason, refusal.message)
            await _abort(context, refusal)

    async def _read(self, messages: AsyncIterator[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._options.read_timeout):
                async for message in messages:
                    return message
        except TimeoutError:
            limit = f"{self._options.read_timeout:g} seconds"
            raise Refusal("slow_body", f"the message did not arrive within {limit}") from None
        limit = f"max_recv_msg_size_mib ({self._options.max_recv_msg_size_mib})"
        raise Refusal("no_message", f"a call without a message: larger than {limit}, cancelled, or empty")


async def _abort(context: Context, refusal: Refusal) -> Never:
    code = STATUS[refusal.reason][1]
    delay = RETRY_DELAY if code == UNAVAILABLE else None
    details = encode_status("protobuf", code, refusal.message, retry_delay=delay)
    await context.abort(_CODES[code], refusal.message, (("grpc-status-details-bin", details),))
    raise AssertionError("abort() raises")
