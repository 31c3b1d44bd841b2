"""The loop that both line receivers share: read, cut, decode, hand over."""

from __future__ import annotations

import secrets
import threading
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import ClassVar, cast

from beacon_core.component import Host
from beacon_core.config import ComponentConfig
from beacon_core.errors import InvalidDataError
from beacon_core.lines import CutLine, Handover, LineDecoder, LineSplitter, Stop, without_bom
from beacon_core.receiver import Consumer, Receiver
from beacon_core.receivers.lines.config import LinesConfig
from beacon_core.receivers.lines.refusals import Refusals
from beacon_core.receivers.lines.sources import Source, UnreadableInputError

#: Of the time for shutting down, what the reading thread may use; the rest is for it to return.
_SHARE_OF_TIMEOUT = 0.8


class LinesReceiver(Receiver):
    """Base of the finite receivers: `run` returns at the end of the input, or soon after `shutdown`."""

    config_class: ClassVar[type[ComponentConfig]] = LinesConfig
    finite: ClassVar[bool] = True

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._options = cast("LinesConfig", config)
        self._stop = Stop()
        self._returned = threading.Event()
        self._returned.set()
        self._nonce = b""

    def start(self, host: Host) -> None:
        super().start(host)
        self._stop = Stop()
        self._nonce = secrets.token_bytes(16)

    def run(self, consumer: Consumer) -> None:
        self._returned.clear()
        try:
            handover = Handover(consumer, self.host, self._stop, self._nonce, self._options.max_batch_events)
            refusals = Refusals(self.host)
            for name, opening in self.inputs():
                if self._stop.requested:
                    break
                self._read_input(name, opening, handover, refusals)
            handover.hand_over()
            refusals.summarize()
        finally:
            self._returned.set()

    def shutdown(self, timeout: float) -> None:
        self._stop.request(timeout * _SHARE_OF_TIMEOUT)
        self._returned.wait(timeout)

    @abstractmethod
    def inputs(self) -> Iterable[tuple[str, AbstractContextManager[Source]]]:
        """Return what to read: a name for the log, and what opens it."""

    def _read_input(
        self, name: str, opening: AbstractContextManager[Source], handover: Handover, refusals: Refusals
    ) -> None:
        try:
            with opening as source:
                _Reading(name, self._options, self.host, handover, refusals).read(source, self._stop)
        except UnreadableInputError as error:
            refusals.input(name, str(error))


class _Reading:
    """One input on its way through: knows how far it is."""

    def __init__(self, name: str, options: LinesConfig, host: Host, handover: Handover, refusals: Refusals) -> None:
        self._name = name
        self._options = options
        self._host = host
        self._handover = handover
        self._refusals = refusals
        self._decoder = LineDecoder(options.format)
        self._number = 0

    def read(self, source: Source, stop: Stop) -> None:
        """Read to the end, or until a stop is requested; then a line that is not complete stays unread."""
        splitter = LineSplitter(self._options.max_line_bytes)
        while not stop.requested:
            chunk = source.read(self._handover.patience)
            if chunk == b"":
                self._take(splitter.end())
                return
            if chunk is not None:
                self._take(splitter.feed(chunk))
            self._handover.hand_over_what_is_due()

    def _take(self, lines: Iterable[bytes]) -> None:
        received = self._host.clock()
        count = 0
        for line in lines:
            self._number += 1
            count += self._take_line(line, received)
        self._host.count("lines", count)

    def _take_line(self, line: bytes, received: int) -> bool:
        """Hand the events of a line on, or count it as refused; False if it is blank."""
        if type(line) is CutLine and not self._decoder.takes_text:
            limit = self._options.max_line_bytes
            self._refusals.line(self._name, self._number, "line_too_long", f"longer than max_line_bytes ({limit:d})")
            return True
        line = line if type(line) is CutLine else without_bom(line)
        if not line or line.isspace():
            return False
        try:
            events = self._decoder.decode(line, received)
        except InvalidDataError as error:
            self._refusals.line(self._name, self._number, "malformed_line", str(error))
        else:
            self._handover.add(line, events)
        return True
