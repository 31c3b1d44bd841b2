"""One HTTP connection: uvicorn's httptools protocol, with OTLP's answers and deadlines where it has none.

Imported when the receiver runs: uvicorn is no small import.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from beacon_core.receivers.otlp.app import OtlpApp
from beacon_core.receivers.otlp.config import HttpOptions

#: Bytes of a request's head at most. The heads of OTLP clients have a few hundred.
MAX_HEAD = 64 * 1024

_UPGRADE = re.compile(rb"(?i)(\r\n)upgrade:")

_logger = logging.getLogger("beacon.uvicorn")
_logger.setLevel(logging.ERROR)  # what uvicorn warns of is counted as refused


def _without_upgrade(data: bytes) -> bytes:
    """Return the start of a request without its offer to upgrade.

    curl and Java's HttpClient offer HTTP/2 that way. A server may ignore it, but httptools skips the body of such a
    request, so the parser must not see the offer.
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(rb"\1x-ignored:", head) + blank + body if _UPGRADE.search(head) else data


class Connection(HttpToolsProtocol):
    """An HTTP/1.1 connection.

    What it adds: a deadline and a limit for the head of a request, the idle time-out also before the first request,
    google.rpc.Status as the body when the HTTP itself is damaged, and answers to clients that closed their half.
    """

    def __init__(self, app: OtlpApp, options: HttpOptions, config: Config, state: ServerState) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self.logger = _logger
        self.timeout_keep_alive = options.idle_timeout  # type: ignore[assignment]  # uvicorn says int; any number will do
        self._otlp = app
        self._head_timeout = options.read_header_timeout
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_size = 0
        self._unanswered: list[RequestResponseCycle] = []
        self._refusal = b""  # the last answer, once the requests before the damage have theirs

    @property
    def request(self) -> RequestResponseCycle | None:
        """The latest request whose head is complete."""
        return self.cycle

    @property
    def arriving(self) -> bool:
        """Whether something is awaited from the client: a first request, or the rest of one."""
        request = self.request
        return request is None or request.more_body

    # ---- idle and slow connections ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_done()
        self._unset_keepalive_if_required()
        for request in self._unanswered:  # uvicorn tells the latest one only
            request.disconnected = True
            request.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._otlp.received += 1
        if self._refusal:
            return
        if self._in_head or (latest := self.request) is None or latest.response_complete:
            data = _without_upgrade(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse("large_head", f"the head of the request is larger than {MAX_HEAD} bytes")
        elif (request := self.request) is None or request.response_complete:
            self._wait_for_request()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_size = 0
        self._head_timer = self.loop.call_later(self._head_timeout, self._slow_head)

    def on_headers_complete(self) -> None:
        self._head_done()
        super().on_headers_complete()
        if (request := self.request) is not None and request not in self._unanswered:
            self._unanswered = [each for each in self._unanswered if not each.response_complete] + [request]

    def _wait_for_request(self) -> None:
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _head_done(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _slow_head(self) -> None:
        self._refuse("slow_head", f"the head of the request did not arrive within {self._head_timeout:g} seconds")

    # ---- damaged requests ----

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's name and text
        self._refuse("damaged_http", "the request is not valid HTTP/1.1, or has both a length and chunks")

    def _refuse(self, reason: str, message: str) -> None:
        """Answer what is damaged and close; what came whole before it gets its own answer first."""
        self._head_done()
        if self.transport.is_closing() or self._refusal:
            return
        self._refusal = self._otlp.refuse_head(reason, message)
        if (latest := self.request) is not None and latest.more_body:  # it is the damaged one
            latest.scope["state"]["refused"] = True
            self.pipeline = type(self.pipeline)(item for item in self.pipeline if item[0] is not latest)
            self._unanswered = [request for request in self._unanswered if request is not latest]
        if all(request.response_complete for request in self._unanswered):
            self._part()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal and all(request.response_complete for request in self._unanswered):
            self._part()

    def _part(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._refusal)
            self.transport.close()

    def eof_received(self) -> Any:
        """Keep a half-closed connection until its request is answered; one that was cut short learns so."""
        request = self.request
        if request is None or request.response_complete:
            return False
        request.keep_alive = False
        if request.more_body:
            request.scope["state"]["cut_short"] = True
            request.more_body = False
            request.message_event.set()
        return True

    def _unsupported_upgrade_warning(self) -> None:
        """Close after an upgrade that `_without_upgrade` did not find: the parser takes nothing after it."""
        if (request := self.request) is not None:
            request.keep_alive = False
