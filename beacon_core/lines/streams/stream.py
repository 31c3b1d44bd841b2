"""What the streams of all agents have in common: the session, the resource, open tool calls."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from beacon_core.event import Attributes, Event, parse_rfc3339
from beacon_core.lines.log_event import Members

_MOST_CALLS: Final = 256  # calls that have begun and not ended; agents run a few at once
_LONGEST_KEPT: Final = 64 * 1024  # bytes of a call's arguments; of larger ones only the short texts are kept
_SHORT: Final = 1024
_PLAIN_NAME = re.compile("[a-z][a-z0-9_.]{0,63}")


class Call(NamedTuple):
    """A tool call whose result has not come: the tool, and what it was called with."""

    tool: str
    arguments: dict[str, Any]


class AgentStream(ABC):
    """Makes events of the lines of one run of an agent. Used by one thread.

    Attributes:
        session_id: the session, once a line has said it; empty before.
        resource: what all events say of the agent; a new dict when something was learned.
        completed: whether a line has said how the session ended.
        result: what the last line about success or failure said, as attributes; empty before.
        resumed: whether the run goes on with an earlier session, whose usage its totals may include.
    """

    #: What the names of the agent's events begin with.
    prefix: ClassVar[str]
    #: The agent's `service.name`, as it says itself over OTLP.
    service: ClassVar[str]

    def __init__(self) -> None:
        self.session_id = ""
        self.resource: Attributes = {"service.name": self.service}
        self.completed = False
        self.result: Attributes = {}
        self.resumed = False
        self._calls: dict[str, Call] = {}

    @classmethod
    @abstractmethod
    def prints(cls, members: Members) -> bool:
        """Return whether a line that begins a session of this agent looks like this."""

    @abstractmethod
    def events(self, members: Members, received_unix_nano: int) -> Sequence[Event]:
        """Return the events of a line, which may be none, without ids."""

    def text(self, event: Event) -> Event:
        """Return the event of a line that is no JSON object, or was too long."""
        event.attributes["beacon.source"] = "stdout"
        if self.session_id:
            event.attributes["session.id"] = self.session_id
        force_setattr(event, "name", f"{self.prefix}stdout.line")
        force_setattr(event, "resource", self.resource)
        return event

    def event(self, name: str, members: Members, received: int, attributes: Attributes) -> Event:
        """Return an event of a line; attributes without a value are left out.

        Args:
            name: without the prefix.
            members: the line, for its time.
            received: when it was read, Unix nanoseconds.
            attributes: beyond what all events of the stream have.
        """
        said = members.get("timestamp")
        time = parse_rfc3339(said) if isinstance(said, str) else None
        own: Attributes = {key: value for key, value in attributes.items() if value is not None}
        own["beacon.source"] = "stdout"
        if self.session_id:
            own["session.id"] = self.session_id
        return Event(
            id="",
            signal="log",
            name=f"{self.prefix}stdout.{name}",
            time_unix_nano=time if time is not None and time > 0 else received,
            observed_time_unix_nano=received,
            attributes=own,
            resource=self.resource,
        )

    def learn_session(self, value: object) -> None:
        """Take the session's id from a line; the first one stays for lines without one (behaviours A3)."""
        if isinstance(value, str) and value and not self.session_id:
            self.session_id = value

    # ---- tool calls ----

    def begin_call(self, call_id: str, tool: str, arguments: dict[str, Any]) -> None:
        """Remember a call until its result comes."""
        if len(self._calls) >= _MOST_CALLS:
            del self._calls[next(iter(self._calls))]
        self._calls[call_id] = Call(tool, _kept(arguments))

    def end_call(self, call_id: str) -> Call:
        """Return the call that a result is of, once; an empty one if nobody knows it."""
        return self._calls.pop(call_id, None) or Call("", {})

    def call(self, call_id: str) -> Call:
        """Return a call that goes on; an empty one if nobody knows it."""
        return self._calls.get(call_id) or Call("", {})


def _kept(arguments: dict[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(arguments)) <= _LONGEST_KEPT:
        return arguments
    return {key: value for key, value in arguments.items() if isinstance(value, str) and len(value) <= _SHORT}


def word(value: object) -> str:
    """Return a word of a line as the part of a name; `unknown` if it is nothing but a word."""
    return value if isinstance(value, str) and _PLAIN_NAME.fullmatch(value) else "unknown"


def text(value: object) -> str:
    """Return a member that should be a text, an empty one if it is something else."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> dict[str, Any]:
    """Return a member that should be an object, an empty one if it is something else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return a member that should be a list, an empty one if it is something else."""
    return value if isinstance(value, list) else []


def text_of(content: object) -> str | None:
    """Return the text of a message's content: a string, or the texts of a list of blocks."""
    if isinstance(content, str):
        return content
    texts = [block["text"] for block in sequence(content) if isinstance(mapping(block).get("text"), str)]
    return "\n".join(texts) if texts else None


def plain(members: Members, *but: str) -> Attributes:
    """Return members of a line as attributes: without those named and those without a value, lists as their lengths."""
    kept: Attributes = {}
    for key, value in members.items():
        if key in but or value is None:
            continue
        if isinstance(value, list):
            kept[f"{key}_count"] = len(value)
        else:
            kept[key] = value
    return kept
