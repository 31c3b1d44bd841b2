"""All lines of one input become events; knows which agent printed them, once that has shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, cast

from beacon_core.errors import InvalidDataError
from beacon_core.event import Event
from beacon_core.lines.decoding import PlainFormat, decode_events, decode_object
from beacon_core.lines.hooks import hook_event
from beacon_core.lines.log_event import Members
from beacon_core.lines.splitter import CutLine
from beacon_core.lines.streams import STREAMS, AgentStream, recognized

#: What lines of an input can be.
LineFormat: TypeAlias = Literal[
    "auto", "otlp_json", "json", "claude_stream_json", "codex_json", "gemini_stream_json", "hook"
]

#: Lines in which an agent is looked for with `auto`: others may print something before it does.
_LINES_TO_RECOGNIZE: Final = 100


def text_event(line: bytes, received_unix_nano: int, name: str) -> Event:
    """Return the event of a line that is text; bytes that are not UTF-8 become U+FFFD. Without an id."""
    return Event(
        id="",
        signal="log",
        name=name,
        time_unix_nano=received_unix_nano,
        observed_time_unix_nano=received_unix_nano,
        body=line.removesuffix(b"\r").decode("utf-8", "replace"),
        attributes={"beacon.truncated": True} if type(line) is CutLine else {},
    )


class LineDecoder:
    """Decodes the lines of one input, in order. Used by one thread.

    Args:
        line_format: what they are; with `auto` an agent's stream is recognized by its first lines.
        lenient: what cannot be read becomes the event of a text line, else an error. In an agent's stream it always
            becomes an event: its reader never stops.
    """

    def __init__(self, line_format: LineFormat, *, lenient: bool = False) -> None:
        opened = STREAMS.get(line_format)
        #: The stream of an agent that these lines are, None as long as they are not.
        self.stream: AgentStream | None = opened() if opened is not None else None
        self._format: PlainFormat = "json" if opened is not None else cast("PlainFormat", line_format)
        self._of_hooks = line_format == "hook"
        self._lenient = lenient
        self._session = ""
        self._mixed = line_format == "auto"
        self._looks = _LINES_TO_RECOGNIZE if self._mixed else 0

    @property
    def takes_text(self) -> bool:
        """Whether any line can be decoded: also one that is cut, or no JSON."""
        return self._lenient or self.stream is not None

    @property
    def session_id(self) -> str:
        """The first `session_id` that a line had, empty as long as there was none (behaviours A3)."""
        return self.stream.session_id if self.stream is not None else self._session

    def decode(self, line: bytes, received_unix_nano: int) -> Sequence[Event]:
        """Return the events of one line, in order; those without an id of their own have an empty one.

        Raises:
            InvalidDataError: if the line is malformed and not text either; the message never quotes it.
        """
        if self._looks and self.stream is None and b'"type"' in line:
            self._look(line)
        if self.stream is not None:
            return self._of_stream(self.stream, line, received_unix_nano)
        if self._of_hooks:
            return (hook_event(decode_object(line), received_unix_nano),)
        if not self._lenient:
            return decode_events(line, received_unix_nano, self._format)
        if type(line) is CutLine:
            return (text_event(line, received_unix_nano, ""),)
        try:
            self._find_session(line)
            return decode_events(_repaired(line), received_unix_nano, self._format)
        except InvalidDataError:
            return (text_event(line, received_unix_nano, ""),)

    def _look(self, line: bytes) -> None:
        self._looks -= 1
        members = _members(line)
        found = recognized(members) if members is not None else None
        if found is not None:
            self.stream = found()

    def _of_stream(self, stream: AgentStream, line: bytes, received: int) -> Sequence[Event]:
        members = _members(line)
        if members is None:
            return (stream.text(text_event(line, received, "")),)
        if self._mixed and "type" not in members:  # what agents print has one; OTLP and Beacon's own events have none
            try:
                return decode_events(_repaired(line), received, self._format)
            except InvalidDataError:
                return (stream.text(text_event(line, received, "")),)
        return stream.events(members, received)

    def _find_session(self, line: bytes) -> None:
        if not self._session and b'"session_id"' in line:
            members = _members(line)
            session = members.get("session_id") if members is not None else None
            self._session = session if isinstance(session, str) else ""


def _members(line: bytes) -> Members | None:
    """Return the object that a line is, None if it is none or was cut."""
    if type(line) is CutLine:
        return None
    try:
        return decode_object(_repaired(line))
    except InvalidDataError:
        return None


def _repaired(line: bytes) -> bytes:
    """Return a line as UTF-8: what a program writes is now and then cut in the middle of a character."""
    if line.isascii():
        return line
    return line.decode("utf-8", "replace").encode()
