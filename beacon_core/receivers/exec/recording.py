"""What a command did becomes events: its start, every line that it printed, its end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from msgspec.structs import force_setattr

from beacon_core.component import Host
from beacon_core.event import Attributes, Event
from beacon_core.lines import Handover, LineDecoder, LineSplitter, resumes, text_event
from beacon_core.process import Output, ProcessOutcome, Stream
from beacon_core.receivers.exec.config import LINE_FORMATS, ExecConfig

#: Names of the events about the command itself, by how it ended (behaviours A2).
_PREFIX: Final = "agent.process."
_SEVERITY: Final = {
    "completed": ("INFO", 9),
    "failed": ("ERROR", 17),
    "timeout": ("ERROR", 17),
    "cancelled": ("WARN", 13),
}
_OUTCOME: Final = {"completed": "success", "failed": "failure"}


class Recording:
    """Makes events of one run, numbers them, and hands them over. Used by the thread that reads only.

    Args:
        options: of the receiver.
        host: for counters and the time.
        handover: takes the events; blocks while nobody does.
    """

    def __init__(self, options: ExecConfig, host: Host, handover: Handover) -> None:
        self._options = options
        self._host = host
        self._handover = handover
        self._sequence = 0
        line_format = LINE_FORMATS.get(options.format)
        self._decoder = LineDecoder(line_format, lenient=True) if line_format else None
        if self._decoder is not None and self._decoder.stream is not None:
            self._decoder.stream.resumed = resumes(options.command)
        names: tuple[Stream, ...] = ("stdout", "stderr") if options.include_stderr else ("stdout",)
        self._splitters = {name: LineSplitter(int(options.max_line_bytes)) for name in names}

    def started(self, pid: int) -> None:
        """Tell that the command runs."""
        self._tell("started", {"process.pid": pid})

    def take(self, piece: Output) -> None:
        """Make events of the lines that end in a piece of output."""
        splitter = self._splitters.get(piece.stream)
        if splitter is None:
            return
        received = self._host.clock()
        for line in splitter.feed(piece.data) if piece.data else splitter.end():
            self._host.count("lines")
            self._take_line(piece.stream, line, received)

    def ended(self, outcome: ProcessOutcome) -> None:
        """Tell how the command ended; an agent that reported an error has failed, whatever its exit code."""
        stream = self._decoder.stream if self._decoder is not None else None
        result = {} if stream is None else stream.result
        ending = "failed" if outcome.ending == "completed" and result.get("is_error") is True else outcome.ending
        attributes: Attributes = {
            **result,
            "process.exit.code": outcome.exit_code,
            "beacon.duration_ms": outcome.duration_ns // 1_000_000,
            "beacon.outcome": _OUTCOME.get(ending, ending),
        }
        if stream is not None and not stream.completed:  # nobody else says how the session ended
            attributes["beacon.source"] = "stdout"
            self._tell(ending, attributes, stream.resource)
        else:
            self._tell(ending, attributes)

    def not_started(self, exit_code: int, message: str) -> None:
        """Tell that there was no run."""
        attributes: Attributes = {"process.exit.code": exit_code, "beacon.outcome": "failure", "error.message": message}
        self._tell("failed", attributes)

    def _take_line(self, name: Stream, line: bytes, received: int) -> None:
        if not line or line.isspace():
            return
        if name == "stdout" and self._decoder is not None:
            self._add(line, self._decoder.decode(line, received))
            return
        event = text_event(line, received, f"{_PREFIX}{name}")
        event.attributes["log.iostream"] = name
        self._add(line, (event,))

    def _tell(self, what: str, attributes: Attributes, resource: Attributes | None = None) -> None:
        now = self._host.clock()
        text, number = _SEVERITY.get(what, ("INFO", 9))
        event = Event(
            id="",
            signal="log",
            name=_PREFIX + what,
            time_unix_nano=now,
            observed_time_unix_nano=now,
            severity_text=text,
            severity_number=number,
            attributes={"process.executable.name": os.path.basename(self._options.command[0]), **attributes},  # noqa: PTH119
            resource=resource or {},
        )
        self._add(event.name.encode(), (event,))

    def _add(self, line: bytes, events: Sequence[Event]) -> None:
        session = self._decoder.session_id if self._decoder is not None else ""
        for event in events:
            attributes = event.attributes  # nobody else has seen the event yet
            attributes["beacon.sequence"] = self._sequence
            if session:
                attributes.setdefault("session.id", session)
            if not event.name:
                force_setattr(event, "name", f"{_PREFIX}stdout")
            self._sequence += 1
        self._handover.add(line, events)
